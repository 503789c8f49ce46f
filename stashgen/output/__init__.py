"""Manifests -> files, and what the output folder held before: the record of what is protected."""
