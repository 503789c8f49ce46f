"""How many volumes are protected, and which are not."""

from dataclasses import dataclass

from stashgen.diagnostics import Position


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why no policy protects a volume, and where that is written."""

    reason: str
    position: Position


@dataclass(frozen=True, slots=True)
class Coverage:
    """Every volume of the inventories, counted once.

    Attributes:
        protected: A policy backs them up.
        excluded: Left out on purpose: by a policy's ``exclude``, as retired, or because they hold
            backups.
        unprotected: No policy selects them; sorted, as ``<namespace>/<claim>``, below the cluster's
            name if there are several.
        unknown: What may be volumes, and cannot be protected because too little is known of it.
        paused: A policy selects them, and none of its backups runs; as ``unprotected``.
    """

    protected: int
    excluded: int
    unprotected: tuple[str, ...]
    unknown: int
    paused: tuple[str, ...] = ()
