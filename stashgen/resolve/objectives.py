"""Do the backups of each volume achieve what its policy demands? Proved, or refused with numbers.

A finding is at the line that breaks an objective: a schedule, a window, a timeout, a list of copies
or a retention; or at an exception that demands more of some volumes than the policy's lines give.
The volumes of a policy have schedules of their own; the worst of them is reported.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from stashgen.diagnostics import Finding, Severity, quote
from stashgen.kubestash.objectives import Objectives, storages_in_time
from stashgen.model.inventory import Volume, volume_list
from stashgen.model.resolved import Protection
from stashgen.model.source import Origin
from stashgen.policy.backup_policy import BackupPolicySpec
from stashgen.policy.duration import format_written, parse_duration
from stashgen.resolve.achieved import CopyRuns, copy_runs, kept
from stashgen.resolve.exceptions import is_exceptional
from stashgen.resolve.findings import Code, finding
from stashgen.resolve.objective_advice import enough_history, often_enough, rpo_line


def demanded(spec: BackupPolicySpec) -> Objectives:
    """What a policy demands of each of its volumes."""
    written = spec.objectives
    if written is None:
        return Objectives()
    return Objectives(_time(written.rpo), _time(written.keep_for), written.min_copies)


def _time(text: str | None) -> timedelta | None:
    return None if text is None else timedelta(seconds=parse_duration(text))


@dataclass(frozen=True, slots=True)
class _Miss:
    """An objective of one volume that one line breaks, and by how much."""

    code: Code
    origin: Origin
    by: timedelta
    what: str
    why: str
    fix: str
    objective: Origin


def objective_findings(protections: Iterable[Protection]) -> Iterator[Finding]:
    """An error for each line that breaks an objective, and a warning for a paused policy."""
    broken: dict[tuple[Code, Origin], tuple[_Miss, list[Volume]]] = {}
    paused: dict[str, Protection] = {}
    for protection in protections:
        if protection.objectives == Objectives():
            continue
        if protection.paused:
            paused.setdefault(protection.policy, protection)
        for miss in _misses(protection):
            key = (miss.code, miss.origin)
            worst, volumes = broken.setdefault(key, (miss, []))
            if miss.by > worst.by:
                broken[key] = (miss, [protection.volume, *volumes])
            else:
                volumes.append(protection.volume)
    for miss, volumes in broken.values():
        why = f"{miss.why}; the volumes: {volume_list(volumes).removeprefix('volume ')}"
        line, other = miss.origin, miss.objective
        # An annotation is in no policy.
        is_of_policy = line.document.data.get("kind") == other.document.data.get("kind")
        if is_of_policy and is_exceptional(other) and not is_exceptional(line):
            line, other = other, line
        yield finding(miss.code, line, miss.what, why=why, fix=miss.fix, related=[other.position])
    for protection in paused.values():
        yield finding(
            Code.RPO,
            protection.spec.at("paused"),
            "a paused policy meets no objective",
            why="it makes no backups, so that the newest one only gets older",
            fix="remove paused as soon as you can",
            related=[protection.spec.at("objectives").position],
            severity=Severity.WARNING,
        )


def _misses(protection: Protection) -> Iterator[_Miss]:
    runs = [*copy_runs(protection)]
    if not runs:
        session = protection.sessions[0]
        yield _Miss(
            Code.RPO,
            session.origin.at("suspend"),
            timedelta(),
            "no objective is met: no session runs",
            "all of them are suspended",
            "remove suspend, or the objectives",
            protection.spec.at("objectives"),
        )
        return
    yield from _rpo(protection, runs)
    yield from _min_copies(protection, runs)
    yield from _keep_for(protection, runs)


def _most_often(runs: Iterable[CopyRuns]) -> CopyRuns:
    return min(runs, key=lambda run: run.promised.recovery_point)


def _rpo(protection: Protection, runs: list[CopyRuns]) -> Iterator[_Miss]:
    rpo = protection.objectives.rpo
    best = _most_often(runs)
    allowed = best.promised.recovery_point
    if rpo is None or allowed <= rpo:
        return
    yield _Miss(
        Code.RPO,
        rpo_line(best.session, rpo),
        allowed - rpo,
        f"rpo {_shown(rpo)} is not met: the newest backup may be {_shown(allowed)} old",
        _numbers(best),
        f"{often_enough(best.session, rpo)}, or raise rpo to {_shown(allowed)}",
        protection.spec.at("objectives", "rpo"),
    )


def _numbers(run: CopyRuns) -> str:
    promised = run.promised
    return (
        f"session {quote(run.session.written.name)} has up to {_shown(promised.interval)} between "
        f"two runs in {run.session.time_zone}, and a run may take {_shown(promised.allowance)}"
    )


def _min_copies(protection: Protection, runs: list[CopyRuns]) -> Iterator[_Miss]:
    wanted, rpo = protection.objectives.min_copies, protection.objectives.rpo
    promises = [(run.copy.storage.name, run.promised) for run in runs]
    found = storages_in_time(protection.objectives, promises)
    if wanted is None or len(found) >= wanted or not found:
        return
    late = [run for run in runs if run.copy.storage.name not in found]
    if late and rpo is not None:
        run = _most_often(late)
        origin = rpo_line(run.session, rpo)
        why = f"storage {quote(run.copy.storage.name)} has none in time: {_numbers(run)}"
        fix = often_enough(run.session, rpo)
    else:
        origin = _most_often(runs).session.origin.at("copies")
        why = "no session copies to any other storage"
        fix = "add a copy to another storage"
    recent = "" if rpo is None else f" within rpo {_shown(rpo)}"
    names = ", ".join(quote(name) for name in sorted(found))
    yield _Miss(
        Code.MIN_COPIES,
        origin,
        timedelta(),
        f"minCopies {wanted} is not met: only {names} {'has' if len(found) == 1 else 'have'} a copy"
        f"{recent}",
        why,
        f"{fix}, or lower minCopies to {len(found)}",
        protection.spec.at("objectives", "minCopies"),
    )


def _keep_for(protection: Protection, runs: list[CopyRuns]) -> Iterator[_Miss]:
    wanted = protection.objectives.keep_for
    if wanted is None:
        return
    found = [(kept(protection, run, run.copy.retention, wanted), run) for run in runs]
    reach, best = max(found, key=lambda one: one[0])
    if reach >= wanted:
        return
    field, fix = enough_history(
        best.copy.retention,
        best.promised,
        wanted,
        lambda retention: kept(protection, best, retention, wanted) >= wanted,
    )
    yield _Miss(
        Code.KEEP_FOR,
        best.copy.retention_origin.at(field),
        wanted - reach,
        f"keepFor {_shown(wanted)} is not met: the oldest backup may be only {_shown(reach)} old",
        f"that is what retention in storage {quote(best.copy.storage.name)} leaves right after "
        f"some runs of session {quote(best.session.written.name)}",
        f"{fix}, or lower keepFor" + (f" to {_shown(reach)}" if reach else ""),
        protection.spec.at("objectives", "keepFor"),
    )


def _shown(time: timedelta) -> str:
    return format_written(int(time.total_seconds()))
