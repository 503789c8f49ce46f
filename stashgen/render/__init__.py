"""Resolved -> Manifests: every object, fully written out."""

from stashgen.render.render import render

__all__ = ["render"]
