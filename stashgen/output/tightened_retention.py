"""Retention that would keep less than before: restore points go for good, so a build says so.

What is compared is what the maintenance Jobs are given, the arguments of the ``maintain`` pods in
the previous output and in the new one, whatever made them differ.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from stashgen.api.retention_policy import (
    COUNTS,
    FailedSnapshots,
    RetentionPolicySpec,
    SuccessfulSnapshots,
)
from stashgen.diagnostics import Finding, Severity, quote
from stashgen.kubestash.pods.templates import template_name
from stashgen.kubestash.retention import retention_period
from stashgen.kubestash.verbs import Template
from stashgen.model.history import History, Previous
from stashgen.model.inventory import VolumeKey
from stashgen.model.manifest import FileTree, Manifest
from stashgen.model.resolved import Resolved, ResolvedCopy, ResolvedSession
from stashgen.output.damage import Code
from stashgen.output.restore_points import loss

_ARGUMENT = re.compile(
    rb'^ *- "?--(?:keep-([a-z]+)|max-retention-period)=([^"\n]*?)"? *$', re.MULTILINE
)
_ALL = -1


@dataclass(slots=True)
class _Group:
    """Volumes whose retention changes alike, by the same lines of a policy."""

    was: RetentionPolicySpec
    becomes: RetentionPolicySpec
    session: ResolvedSession
    copy: ResolvedCopy
    first: History
    volumes: dict[VolumeKey, None]


def tightened_retention(
    resolved: Resolved,
    made: Iterable[Manifest],
    histories: Iterable[History],
    before: Iterable[Previous],
    files: FileTree,
) -> list[Finding]:
    """A warning for each change that makes retention keep less, with the volumes that it affects.

    Args:
        resolved: What is backed up, and where its retention is written.
        made: The new manifests.
        histories: The histories in the previous output.
        before: The folders that contain them.
        files: The output after the build.
    """
    folders = {previous.root: previous.files for previous in before}
    paths = {
        (one.record.volume, repository): one.path
        for one in made
        if one.record is not None and one.record.until is None
        for repository in one.record.repositories
    }
    copies = dict(_copies(resolved))
    groups: dict[tuple[object, ...], _Group] = {}
    for history in histories:
        key = (history.volume, history.repository)
        if key not in copies or key not in paths or history.until is not None:
            continue
        old, new = folders[history.root][history.path], files[paths[key]]
        if old == new:
            continue
        was, becomes = _kept(old, history.repository), _kept(new, history.repository)
        if was is None or becomes is None:
            continue
        changes = differences(was, becomes)
        if not changes:
            continue
        session, copy = copies[key]
        origin = copy.retention_origin
        group = groups.setdefault(
            (origin.position, origin.subject, changes),
            _Group(was, becomes, session, copy, history, {}),
        )
        group.volumes[history.volume] = None
    return [_finding(group) for group in groups.values()]


def differences(was: RetentionPolicySpec, becomes: RetentionPolicySpec) -> tuple[str, ...]:
    """What is tightened, as ``daily 14 to 7``; empty if everything that was kept still is."""
    old, new = was.successful_snapshots, becomes.successful_snapshots
    found = []
    if new is not None and new.last != _ALL:
        names = [name for name in COUNTS if getattr(old or new, name) is not None]
        if old is None:
            found.append(f"all to {', '.join(f'{name} {getattr(new, name)}' for name in names)}")
        else:
            found += [_change(name, getattr(old, name), getattr(new, name)) for name in names]
    if _oldest(becomes) < _oldest(was):
        found.append(
            f"maxAge {was.max_retention_period or 'none'} to {becomes.max_retention_period}"
        )
    found.append(_change("failed", _failed(was), _failed(becomes)))
    return tuple(text for text in found if text)


def _change(name: str, old: int, new: int | None) -> str:
    """A count that became smaller; nothing for one that did not."""
    if new == _ALL or (old != _ALL and old <= (new or 0)):
        return ""
    return f"{name} {_count(old)} to {_count(new or 0)}"


def _count(value: int) -> str:
    return "all" if value == _ALL else str(value) if value else "none"


def _failed(policy: RetentionPolicySpec) -> int:
    failed = policy.failed_snapshots
    return 1 if failed is None or failed.last is None else failed.last


def _oldest(policy: RetentionPolicySpec) -> timedelta:
    try:
        return retention_period(policy) or timedelta.max
    except ValueError:
        return timedelta.max


def _copies(
    resolved: Resolved,
) -> Iterator[tuple[tuple[VolumeKey, str], tuple[ResolvedSession, ResolvedCopy]]]:
    """Each Repository of a volume; the first copy that writes to it comes last, and wins."""
    for protection in resolved.protections:
        for session in reversed(protection.sessions):
            for copy in reversed(session.copies):
                yield (protection.volume.key, copy.repository), (session, copy)


def _kept(content: bytes, repository: str) -> RetentionPolicySpec | None:
    """The arguments of a Repository's ``maintain`` pod; None without such a pod."""
    text = content.replace(b"\r\n", b"\n")
    name = template_name(Template.MAINTAIN, repository)
    start = text.find(f"\n  name: {name}\n".encode())
    if start < 0:
        return None
    end = text.find(b"\n---\n", start)
    counts: dict[str, int] = {}
    max_age = None
    for name, value in _ARGUMENT.findall(text[start : end if end >= 0 else len(text)]):
        written = value.decode(errors="replace")
        if not name:
            max_age = written
        elif written.lstrip("-").isdecimal():
            counts[name.decode()] = max(int(written), _ALL)
    failed = FailedSnapshots(last=counts.pop("failed", None))
    good = {name: count for name, count in counts.items() if name in COUNTS}
    return RetentionPolicySpec(
        max_retention_period=max_age,
        successful_snapshots=SuccessfulSnapshots.model_validate(good) if good else None,
        failed_snapshots=failed,
    )


def _finding(group: _Group) -> Finding:
    origin = group.copy.retention_origin
    return Finding(
        Code.TIGHTENED,
        Severity.WARNING,
        origin.position,
        origin.subject,
        f"retention is tightened for {_volumes(list(group.volumes))}: "
        + ", ".join(differences(group.was, group.becomes)),
        _effect(group),
        "nothing, if this is intended; otherwise restore the old values and build again before "
        "the output is merged",
        (group.first.position,),
    )


def _effect(group: _Group) -> str:
    session = group.session
    lost = loss(session.schedule, session.time_zone, group.was, group.becomes)
    what = "the next retention run removes what only the old values kept"
    if lost is not None and lost.removed:
        what = (
            f"about {lost.removed} of the {lost.had} restore points that such a volume has go with "
            "the next retention run"
        )
    return f"{what}, for good"


def _volumes(volumes: list[VolumeKey]) -> str:
    first = quote(f"{volumes[0].namespace}/{volumes[0].name}")
    rest = len(volumes) - 1
    if not rest:
        return f"volume {first}"
    return f"volume {first} and {rest} {'other' if rest == 1 else 'others'}"
