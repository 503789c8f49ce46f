"""``stashgen explain VOLUME``: how a volume is backed up, and which line decided each value."""

import json
from collections.abc import Iterator
from pathlib import PurePosixPath

from stashgen.api.labels import POLICY_ANNOTATION
from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.model.inventory import Volume
from stashgen.model.resolved import Protection, ResolvedCopy, ResolvedSession
from stashgen.model.source import Origin
from stashgen.report.decision import Decision


def title(volume: Volume, cluster: str) -> Decision:
    """The volume, and where it is written."""
    key = volume.key
    return Decision(f"volume {key.namespace}/{key.name} of cluster {cluster}", volume.position)


def explain_volume(protection: Protection, output: PurePosixPath) -> Iterator[Decision]:
    """Everything that was decided for a volume.

    Args:
        protection: What was decided.
        output: The output folder, as the reader finds it.
    """
    key, cluster = protection.volume.key, protection.cluster
    yield title(protection.volume, f"{cluster.name} ({cluster.id})")
    yield Decision(f"policy: {protection.policy}", protection.position, 1)
    yield _selected_by(protection)
    for session in protection.sessions:
        yield from _session(session)
    yield from _job(protection)
    if protection.paused:
        yield Decision("paused: true", protection.spec.at("paused").position, 1)
    unreadable = protection.on_unreadable.value
    yield _decided("onUnreadable", unreadable, protection.spec.at("onUnreadable"), 1)
    for name, value in sorted(protection.acknowledged.items()):
        yield Decision(f"{name}: {value}", protection.spec.at("acknowledge").position, 1)
    path = output / cluster.name / key.namespace / f"{key.name}.yaml"
    yield Decision(f"rendered to {path} as BackupConfiguration {protection.configuration}", None, 1)


def _selected_by(protection: Protection) -> Decision:
    asked = protection.volume.annotations.get(POLICY_ANNOTATION)
    if asked is not None:
        return Decision(f"asked for by {POLICY_ANNOTATION}", asked.origin.position, 2)
    select = protection.spec.at("select")
    if select.is_written:
        return Decision("selected by", select.position, 2)
    return Decision(f"asked for by {POLICY_ANNOTATION} of its namespace", None, 2)


def _session(session: ResolvedSession) -> Iterator[Decision]:
    written, origin = session.written, session.origin
    short = f" ({session.name} in the cluster)" if session.name != written.name else ""
    yield Decision(f"session {written.name}{short}", origin.position, 1)
    for field, value in (
        ("every", written.every),
        ("schedule", written.schedule),
        ("between", written.between),
        ("days", written.days),
    ):
        if value is not None:
            text = value if isinstance(value, str) else json.dumps(value)
            yield Decision(f"{field}: {text}", origin.at(field).position, 2)
    yield Decision(f"starts at {session.schedule} ({session.time_zone})", None, 2)
    yield _decided("timeout", written.timeout, origin.at("timeout"), 2)
    yield _decided("historyLimit", session.history_limit, origin.at("historyLimit"), 2)
    if session.suspend:
        yield Decision("suspend: true", origin.at("suspend").position, 2)
    if session.paths != (".",):
        yield Decision(f"paths: {', '.join(session.paths)}", origin.at("paths").position, 2)
    if session.exclude:
        yield Decision(f"exclude: {', '.join(session.exclude)}", None, 2)
    for copy in session.copies:
        yield from _copy(copy)


def _copy(copy: ResolvedCopy) -> Iterator[Decision]:
    storage = copy.storage
    yield Decision(f"copy to storage {storage.name}", copy.origin.at("storage").position, 2)
    yield Decision(f"repository: {copy.repository}", None, 3)
    yield _decided("directory", copy.directory, copy.origin.at("directory"), 3)
    yield Decision(f"keep: {_retention(copy.retention)}", copy.retention_origin.position, 3)
    key = copy.encryption
    name = f"key: Secret {key.value.secret_name}, from {key.value.from_}"
    yield Decision(name, key.origin("secretName").position, 3)


def _job(protection: Protection) -> Iterator[Decision]:
    block = protection.job.value.model_dump(mode="json", by_alias=True, exclude_none=True)
    if block:
        yield Decision("job", None, 1)
    for field, value in block.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield Decision(f"{field}: {text}", protection.job.origin(field).position, 2)


def _decided(name: str, value: object, origin: Origin, depth: int) -> Decision:
    """A value at its place, or as the default of what does not set it."""
    if origin.is_written:
        return Decision(f"{name}: {value}", origin.position, depth)
    return Decision(f"{name}: {value} (default)", None, depth)


def _retention(spec: RetentionPolicySpec) -> str:
    """``last 6, daily 14, maxAge 90d``; failed ones apart."""
    parts = []
    for name, counts in (
        ("", spec.successful_snapshots),
        ("failed ", spec.failed_snapshots),
    ):
        found = counts.to_wire() if counts is not None else {}
        parts += [f"{name}{field} {number}" for field, number in found.items()]
    if spec.max_retention_period is not None:
        parts.append(f"maxAge {spec.max_retention_period}")
    return ", ".join(parts)
