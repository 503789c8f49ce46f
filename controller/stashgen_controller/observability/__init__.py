"""Events, metrics and logs: the view of the objects from outside."""
