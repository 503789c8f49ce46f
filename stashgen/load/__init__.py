"""The first pass: files -> documents."""

from stashgen.load.files import PROJECT_FILE, load, load_project

__all__ = ["PROJECT_FILE", "load", "load_project"]
