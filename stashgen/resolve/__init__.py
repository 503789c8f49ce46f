"""PolicySet x Inventory -> Resolved: everything decided for every volume."""

from stashgen.resolve.resolve import resolve

__all__ = ["resolve"]
