"""Manifests -> FileTree: the bytes of the output folder."""

from stashgen.serialize.serialize import serialize

__all__ = ["serialize"]
