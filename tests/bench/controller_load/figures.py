"""What the measured phases come to, as parts of a JSON line."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tests.bench.controller_load.audit_log import Request, count
from tests.bench.controller_load.controller_process import Controller
from tests.bench.controller_load.played_cluster import PlayedJob
from tests.bench.controller_load.progress import Key

Line = dict[str, object]
_SUMMARIES = frozenset({"update repositories/status", "patch repositories/status"})
_ASKED = frozenset({"list restoresessions", "list restorerequests"})


def percentiles(what: str, values: Sequence[float]) -> Line:
    """Of seconds: the middle, the slowest of a hundred, the slowest."""
    values = sorted(values)
    return {
        f"{what}_p50_seconds": round(values[len(values) // 2], 3),
        f"{what}_p99_seconds": round(values[min(len(values) * 99 // 100, len(values) - 1)], 3),
        f"{what}_max_seconds": round(values[-1], 3),
    }


def requests(found: Sequence[Request], sessions: int) -> Line:
    """How many there were a session, the most frequent kinds first."""
    made = count(found)
    by_kind = {kind: round(number / sessions, 3) for kind, number in made.most_common()}
    return {
        "requests_per_session": round(sum(made.values()) / sessions, 2),
        "requests_per_session_by_kind": by_kind,
    }


def resources(process: Controller) -> Line:
    """What a process has taken since its start."""
    return {
        "cpu_seconds": round(process.cpu_seconds, 2),
        "memory_idle_mb": round(process.memory_mb, 1),
        "memory_peak_mb": round(process.peak_mb, 1),
    }


def until_job(
    triggers: Sequence[Request], found: Sequence[Request], played: Sequence[PlayedJob]
) -> list[float]:
    """For each session how long after its creation its backup Job was there.

    Both times are the API server's.
    """
    created = {
        (item.namespace, item.name): item.at
        for item in triggers
        if item.kind == "create backupsessions"
    }
    sessions = {
        (job.namespace, job.name): (job.namespace, job.session or "")
        for job in played
        if job.verb == "backup"
    }
    jobs = {
        sessions[item.namespace, item.name]: item.at
        for item in found
        if item.kind == "create jobs" and (item.namespace, item.name) in sessions
    }
    return [jobs[key] - at for key, at in created.items()]


def requests_of_retention(
    found: Sequence[Request],
    played: Sequence[PlayedJob],
    sessions: Sequence[Key],
    writes_after: Mapping[Key, int],
) -> int:
    """How many requests only retention needs.

    They ask what restores need, make its Jobs, write a session's status after the session's end,
    delete Snapshots, and write a Repository's summary a second time.
    """
    backups = {(job.namespace, job.name) for job in played if job.verb == "backup"}
    made = [item for item in found if item.is_granted]
    jobs = sum(
        item.kind == "create jobs" and (item.namespace, item.name) not in backups for item in made
    )
    removed = sum(item.kind == "delete snapshots" for item in made)
    asked = sum(item.kind in _ASKED for item in made if not item.is_standing)
    summaries = Counter((item.namespace, item.name) for item in made if item.kind in _SUMMARIES)
    again = summaries.total() - len(summaries)
    return asked + jobs + removed + again + sum(writes_after[key] for key in sessions)
