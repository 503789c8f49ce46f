"""The command line: the only code that prints or knows about its process."""
