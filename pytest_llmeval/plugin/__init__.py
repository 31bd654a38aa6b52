"""The roof: the only place that knows pytest, xdist and pytest-benchmark."""
