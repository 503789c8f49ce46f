"""Manifest documents -> Inventory: which volumes exist."""

from stashgen.inventory.collect import collect

__all__ = ["collect"]
