"""Wing four: say it to people."""
