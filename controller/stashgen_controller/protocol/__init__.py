"""The messages between controller and worker."""
