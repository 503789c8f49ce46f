"""Typed reads of the caches."""
