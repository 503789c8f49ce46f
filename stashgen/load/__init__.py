"""The first pass: files -> documents."""

from stashgen.load.files import PROJECT_FILE, load

__all__ = ["PROJECT_FILE", "load"]
