"""The second reporting channel: status patches during and after a worker's run.

The termination message is the first, and is written first. A rejected or lost patch does not fail a
good backup: the controller completes what the worker could not write.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

from stashgen.api.backup_session import BackupSessionPhase
from stashgen.api.base import JsonObject, Model
from stashgen.api.resources import BACKUP_SESSIONS, RESTORE_SESSIONS, SNAPSHOTS, Resource
from stashgen.api.restore_session import RestoreComponent, RestorePhase
from stashgen.api.snapshot import Component, Phase, Progress
from stashgen.kubestash.quantities import format_size
from stashgen_controller.protocol.run_result import RunResult
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker.api_client import Api, ApiRefusedError

_INTERVAL_SECONDS = 9.0


class Reporter:
    """Patches the statuses of one run's objects; stops reporting progress if the API is away."""

    def __init__(self, api: Api, namespace: str, now: Callable[[], datetime]) -> None:
        self._api = api
        self._namespace = namespace
        self._now = now
        self._last = now()
        self._is_reached = True

    def snapshot(self, name: str, components: Mapping[str, Component]) -> None:
        """Report the components of the Snapshot that this run creates."""
        self._patch(SNAPSHOTS, name, _components(components))

    def restore_session(self, name: str, components: Mapping[str, RestoreComponent]) -> None:
        """Report the components of a restore."""
        self._patch(RESTORE_SESSIONS, name, _components(components))

    def backup_ended(self, plan: RunSpec, result: RunResult) -> None:
        """The Snapshot's components and, by the Job that ends the last copy, the session's phase.

        A copy without a record in the bucket counts as failed.
        """
        metadata = cast("dict[str, str]", (plan.snapshot or {}).get("metadata") or {})
        if result.components:
            self._patch(SNAPSHOTS, metadata.get("name", ""), _components(result.components))
        if plan.last_copy and plan.backup_session is not None:
            is_bad = plan.earlier_copy_failed or result.phase is not Phase.SUCCEEDED
            phase = BackupSessionPhase.FAILED if is_bad else BackupSessionPhase.SUCCEEDED
            self._patch(BACKUP_SESSIONS, plan.backup_session, {"phase": phase.value})

    def restore_ended(self, plan: RunSpec, result: RunResult) -> None:
        """The restore's components and its phase."""
        components = {
            name: RestoreComponent(
                phase=RestorePhase(item.phase.value) if item.phase is not None else None,
                duration=item.duration,
                error=item.error,
                metadata_refused=result.metadata_refused,
            )
            for name, item in result.components.items()
        }
        status = _components(components) | {"phase": RestorePhase(result.phase.value).value}
        if result.restored_before is not None:
            status["restoredBefore"] = result.restored_before.to_wire()
        self._patch(RESTORE_SESSIONS, plan.restore_session or "", status)

    def is_due(self) -> bool:
        """Whether it is time for another progress report."""
        now = self._now()
        if not self._is_reached or (now - self._last).total_seconds() < _INTERVAL_SECONDS:
            return False
        self._last = now
        return True

    def _patch(self, resource: Resource, name: str, status: JsonObject) -> None:
        try:
            self._api.patch_status(resource, self._namespace, name, status)
        except ApiRefusedError:
            self._is_reached = False


def backup_progress(message: Mapping[str, object]) -> Progress:
    """Restic's status line of a backup as KubeStash's progress."""
    done, total = _int(message, "bytes_done"), _int(message, "total_bytes")
    return Progress(
        seconds_elapsed=_int(message, "seconds_elapsed"),
        percent_done=f"{_float(message, 'percent_done') * 100:.2f}%",
        total_files=_int(message, "total_files"),
        files_done=_int(message, "files_done"),
        backup_done=format_size(done),
        total=format_size(total),
    )


def restore_progress(message: Mapping[str, object]) -> Progress:
    """Restic's status line of a restore as KubeStash's progress."""
    return Progress(
        seconds_elapsed=_int(message, "seconds_elapsed"),
        percent_done=f"{_float(message, 'percent_done') * 100:.2f}%",
        total_files=_int(message, "total_files"),
        files_done=_int(message, "files_restored"),
        restore_done=format_size(_int(message, "bytes_restored")),
        total=format_size(_int(message, "total_bytes")),
    )


def _components(components: Mapping[str, Model]) -> JsonObject:
    return {
        "totalComponents": len(components),
        "components": cast(
            "JsonObject", {name: item.to_wire() for name, item in components.items()}
        ),
    }


def _int(message: Mapping[str, object], key: str) -> int:
    value = message.get(key)
    return int(value) if isinstance(value, int | float) else 0


def _float(message: Mapping[str, object], key: str) -> float:
    value = message.get(key)
    return float(value) if isinstance(value, int | float) else 0.0
