"""Resolved -> Manifests: every object, fully written out."""

from stashgen.render.limits import limit_findings
from stashgen.render.render import render

__all__ = ["limit_findings", "render"]
