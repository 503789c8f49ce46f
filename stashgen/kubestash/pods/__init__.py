"""The pods of workers, fully resolved."""
