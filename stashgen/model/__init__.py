"""The values that the passes hand to each other, one module per pass boundary."""
