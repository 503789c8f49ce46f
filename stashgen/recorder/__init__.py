"""Render the sources of an inventory with other programs, and record what comes of them."""
