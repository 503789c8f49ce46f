"""The command line: the only place that prints, and that knows the process it runs in."""
