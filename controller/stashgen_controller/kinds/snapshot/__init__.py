"""Snapshot: take over what its Job reports, and complete what the Job could not write."""

from stashgen.api.resources import SNAPSHOTS
from stashgen_controller.kinds.snapshot.decide import decide
from stashgen_controller.kinds.snapshot.observe import observe
from stashgen_controller.runtime.kind import Kind

KIND = Kind(SNAPSHOTS, observe, decide)
