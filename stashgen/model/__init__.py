"""What the passes hand to each other, one module a pass boundary."""
