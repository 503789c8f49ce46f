"""Documents of manifests -> Inventory: which volumes there are."""

from stashgen.inventory.collect import collect

__all__ = ["collect"]
