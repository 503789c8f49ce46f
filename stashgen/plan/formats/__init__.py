"""A Plan as people and programs read it, a module each format."""
