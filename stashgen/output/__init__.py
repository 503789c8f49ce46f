"""Manifests -> files, and the previous output: the record of what is protected."""
