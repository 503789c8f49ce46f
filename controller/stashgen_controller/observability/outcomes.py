"""Outcomes of the last runs: the newest finished sessions, retention, and reasons of failures."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import cast

from stashgen.api.backup_session import BackupSession, BackupSessionPhase, RetentionPhase
from stashgen.api.base import JsonObject, mapping_of
from stashgen.api.labels import RETIRED_ANNOTATION
from stashgen.api.repository import Repository, RepositoryStatus, UpkeepStatus
from stashgen.api.resources import BACKUP_SESSIONS, SNAPSHOTS, Resource
from stashgen.api.shared import ConditionStatus
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.upkeep import DEFAULT, upkeep_of
from stashgen_controller.runtime.conditions import find
from stashgen_controller.runtime.kind import Reader

_LONG_AGO = datetime.fromtimestamp(0, UTC)
SessionKey = tuple[str, str, str]


def session_key(item: BackupSession) -> SessionKey:
    """Namespace, configuration and session of a run."""
    invoker = item.spec.invoker.name if item.spec.invoker is not None else ""
    return (item.metadata.namespace or "", invoker, item.spec.session or "")


def created(item: BackupSession) -> datetime:
    """When a run was created."""
    return item.metadata.creation_timestamp or _LONG_AGO


def newest_ended(sessions: Iterable[BackupSession]) -> dict[SessionKey, BackupSession]:
    """The newest run of each session that succeeded or failed; skipped ones do not count."""
    newest: dict[SessionKey, BackupSession] = {}
    for item in sessions:
        if item.phase in {BackupSessionPhase.SUCCEEDED, BackupSessionPhase.FAILED}:
            known = newest.get(session_key(item))
            if known is None or created(known) < created(item):
                newest[session_key(item)] = item
    return newest


@dataclass(frozen=True, slots=True)
class RetentionState:
    """Retention of one Repository.

    Attributes:
        is_applied: Whether the last attempt succeeded; None before the first.
        last_success: The newest session after which it was applied.
        why: Why it failed, or is held.
    """

    is_applied: bool | None
    last_success: datetime | None
    why: str


def retention_states(
    repositories: Iterable[Repository], sessions: Iterable[BackupSession]
) -> dict[tuple[str, str], RetentionState]:
    """By namespace and name of the Repository."""
    applied: dict[tuple[str, str], datetime] = {}
    for item in sessions:
        for entry in (item.status.retention_policy if item.status else None) or ():
            if entry.phase is RetentionPhase.APPLIED:
                key = (item.metadata.namespace or "", entry.repository or "")
                applied[key] = max(created(item), applied.get(key, created(item)))
    found = {}
    for repository in repositories:
        conditions = repository.status.conditions if repository.status is not None else ()
        known = find(conditions, ConditionType.RETENTION_APPLIED)
        is_applied = known.status is ConditionStatus.TRUE if known is not None else None
        when = applied.get(repository.key)
        if when is None and known is not None and is_applied:
            when = known.last_transition_time
        why = (known.message or known.reason or "") if known is not None and not is_applied else ""
        found[repository.key] = RetentionState(is_applied, when, why)
    return found


@dataclass(frozen=True, slots=True)
class UpkeepState:
    """Checks and prunes of one Repository.

    Attributes:
        is_intact: The last check's word; None before the first.
        checked, pruned: When that was last done.
        is_overdue: One of them should have been done more than a day ago.
        why: Why the last run failed; empty where it did not.
    """

    is_intact: bool | None
    checked: datetime | None
    pruned: datetime | None
    is_overdue: bool
    why: str


def upkeep_state(repository: Repository, now: datetime, *, is_written: bool) -> UpkeepState:
    """What is known of a Repository's upkeep.

    What has backups and was never checked or pruned counts from when it was made.

    Args:
        repository: The Repository.
        now: The time.
        is_written: A session writes to it. A retired history is only checked; what is neither is
            left alone.
    """
    status = repository.status or RepositoryStatus()
    known = status.upkeep or UpkeepStatus()
    last = find(status.conditions, ConditionType.UPKEEP_SUCCEEDED)
    has_failed = last is not None and last.status is ConditionStatus.FALSE
    since = repository.metadata.creation_timestamp if status.snapshot_count else None
    try:
        rhythm = upkeep_of(repository.metadata)
    except ValueError:
        rhythm = DEFAULT
    is_retired = RETIRED_ANNOTATION in (repository.metadata.annotations or {})
    checked, pruned = known.last_check_time, known.last_prune_time
    return UpkeepState(
        is_intact=status.integrity,
        checked=checked,
        pruned=pruned,
        is_overdue=rhythm.is_overdue(
            checked or since if is_written or is_retired else None,
            pruned or since if is_written and not is_retired else None,
            now,
        ),
        why=(last.message or last.reason or "") if last is not None and has_failed else "",
    )


def failures(reader: Reader, resource: Resource, obj: JsonObject) -> str:
    """All reasons of a failure: conditions, components, and those of the failed Snapshots."""
    status = mapping_of(obj, "status")
    if status.get("error"):
        # A RestoreRequest has a single field for it.
        return str(status["error"])
    found = [item["message"] for item in false_conditions(status) if item.get("message")]
    if status.get("phase") == "Skipped":
        found += [
            item["message"]
            for item in conditions_of(status)
            if item["type"] == ConditionType.BACKUP_SKIPPED and item.get("message")
        ]
    found += _component_errors(status)
    if resource == BACKUP_SESSIONS:
        namespace = str(mapping_of(obj, "metadata").get("namespace") or "")
        for item in cast("list[JsonObject]", status.get("snapshots") or []):
            name = str(item.get("name") or "")
            snapshot = reader.stored(SNAPSHOTS, namespace, name)
            errors = _component_errors(mapping_of(snapshot or {}, "status"))
            found += [f"Snapshot {name}: {error}" for error in errors]
    return "; ".join(dict.fromkeys(found))


def _component_errors(status: JsonObject) -> list[str]:
    components = cast("dict[str, JsonObject]", status.get("components") or {})
    return [str(item["error"]) for item in components.values() if item.get("error")]


def false_conditions(status: JsonObject) -> list[dict[str, str]]:
    """The conditions of a status that are False."""
    return [item for item in conditions_of(status) if item.get("status") == "False"]


def conditions_of(status: JsonObject) -> list[dict[str, str]]:
    """The conditions of a status as stored."""
    return cast("list[dict[str, str]]", status.get("conditions") or [])
