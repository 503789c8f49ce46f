"""Strict mode: it wraps the kinds, it is no flag inside them."""
