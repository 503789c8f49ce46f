"""What was decided for a volume, in the words of its policy."""

from stashgen.api.retention_policy import COUNTS, RetentionPolicySpec
from stashgen.kubestash.objectives import Objectives
from stashgen.kubestash.upkeep import Upkeep
from stashgen.model.resolved import ResolvedSession
from stashgen.resolve.achieved import rpo_text


def retention_text(retention: RetentionPolicySpec) -> str:
    """``last 6, daily 14, maxAge 90d``, as far as it concerns good backups; ``all`` for all."""
    counts = retention.successful_snapshots
    parts = []
    if counts is not None:
        parts = [
            f"{name} {'all' if count < 0 else count}"
            for name in COUNTS
            if (count := getattr(counts, name)) is not None
        ]
    if retention.max_retention_period:
        parts.append(f"maxAge {retention.max_retention_period}")
    return ", ".join(parts) or "all"


def when_text(session: ResolvedSession) -> str:
    """When a session runs, as people wrote it: ``every 4h between 22:00-05:00 mon-fri``."""
    written = session.written
    if written.every is None:
        text = f"at {written.schedule}"
    else:
        text = f"every {written.every}"
        text += f" between {written.between}" if written.between is not None else ""
        text += f" on {', '.join(written.days)}" if written.days is not None else ""
    return f"{text} ({session.time_zone})" + (", suspended" if session.suspend else "")


def objectives_text(objectives: Objectives) -> str:
    """``rpo 2h, keepFor 12d``; ``none`` where nothing is demanded."""
    found = {
        "rpo": rpo_text(objectives.rpo) if objectives.rpo is not None else None,
        "keepFor": rpo_text(objectives.keep_for) if objectives.keep_for is not None else None,
        "minCopies": objectives.min_copies,
    }
    return ", ".join(f"{name} {value}" for name, value in found.items() if value) or "none"


def upkeep_text(upkeep: Upkeep) -> str:
    """``check every 7d reading 5%, prune every 1d``."""
    check, prune = rpo_text(upkeep.check_every), rpo_text(upkeep.prune_every)
    reading = f" reading {upkeep.read_percent}%" if upkeep.read_percent else ""
    return f"check every {check}{reading}, prune every {prune}"
