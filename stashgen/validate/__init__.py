"""The second pass: documents -> validated objects."""

from stashgen.validate.documents import validate, validate_project

__all__ = ["validate", "validate_project"]
