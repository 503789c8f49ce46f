"""The second pass: documents to validated objects."""

from stashgen.validate.documents import validate

__all__ = ["validate"]
