"""Kustomizations, Flux Kustomizations and Argo CD Applications: what they make of manifests."""

from stashgen.inventory.kustomize.placements import Placement, Placements

__all__ = ["Placement", "Placements"]
