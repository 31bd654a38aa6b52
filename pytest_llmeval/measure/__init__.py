"""Wing one: ask an endpoint and stamp its stream."""
