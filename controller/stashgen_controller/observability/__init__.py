"""Events, metrics and logs: what the outside learns of the objects."""
