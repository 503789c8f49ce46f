"""The second pass: documents -> validated objects."""

from stashgen.validate.documents import validate

__all__ = ["validate"]
