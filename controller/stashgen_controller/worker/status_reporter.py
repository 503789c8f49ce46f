"""The second reporting channel: status patches during and after a worker's run.

The termination message is the first, and is written first. A rejected or lost patch does not fail a
good backup: the controller completes what the worker could not write.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

from stashgen.api.backup_session import BackupSessionPhase
from stashgen.api.base import JsonObject, Model, metadata_of
from stashgen.api.resources import BACKUP_SESSIONS, RESTORE_SESSIONS, SNAPSHOTS, Resource
from stashgen.api.restore_session import RestoreComponent, RestorePhase
from stashgen.api.snapshot import Component, Phase, Progress
from stashgen.kubestash.quantities import format_size
from stashgen_controller.protocol.run_result import RunResult
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker.api_client import Api, ApiRefusedError

_INTERVAL_SECONDS = 9.0


class Reporter:
    """Patches the statuses of one run's objects; stops reporting progress if the API is away.

    An object of the name that is not the one of the plan (it was deleted and created again) is left
    alone: this is not its run.
    """

    def __init__(self, api: Api, namespace: str, now: Callable[[], datetime]) -> None:
        self._api = api
        self._namespace = namespace
        self._known: set[str] = set()
        self._now = now
        self._last = now()
        self._is_reached = True

    def load(self) -> None:
        """Import what a report needs: a run that waits for restic has time for it."""
        self._api.load()

    def snapshot(self, plan: RunSpec, components: Mapping[str, Component]) -> None:
        """Report the components of the Snapshot that this run creates."""
        metadata = metadata_of(plan.snapshot or {})
        name, uid = str(metadata.get("name") or ""), str(metadata.get("uid") or "")
        self._patch(SNAPSHOTS, name, uid, _components(components))

    def restore_session(self, plan: RunSpec, components: Mapping[str, RestoreComponent]) -> None:
        """Report the components of a restore."""
        self._restore_session(plan, _components(components))

    def backup_ended(self, plan: RunSpec, result: RunResult) -> None:
        """The Snapshot's components and, by the Job that ends the last copy, the session's phase.

        A copy without a record in the bucket counts as failed.
        """
        if result.components:
            self.snapshot(plan, result.components)
        if plan.last_copy and plan.backup_session is not None:
            is_bad = plan.earlier_copy_failed or result.phase is not Phase.SUCCEEDED
            phase = BackupSessionPhase.FAILED if is_bad else BackupSessionPhase.SUCCEEDED
            status: JsonObject = {"phase": phase.value}
            self._patch(BACKUP_SESSIONS, plan.backup_session, plan.session_uid, status)

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
        self._restore_session(plan, status)

    def is_due(self) -> bool:
        """Whether it is time for another progress report."""
        now = self._now()
        if not self._is_reached or (now - self._last).total_seconds() < _INTERVAL_SECONDS:
            return False
        self._last = now
        return True

    def _restore_session(self, plan: RunSpec, status: JsonObject) -> None:
        self._patch(RESTORE_SESSIONS, plan.restore_session or "", plan.session_uid, status)

    def _patch(self, resource: Resource, name: str, uid: str | None, status: JsonObject) -> None:
        """Patch a status; one of an object whose UID the plan does not say is not written.

        A session has a status before its Job is made; a Snapshot's is written some seconds later.
        """
        if not uid:
            return
        is_new = resource is SNAPSHOTS and uid not in self._known
        try:
            self._api.patch_status(resource, self._namespace, name, uid, status, is_new=is_new)
        except ApiRefusedError:
            self._is_reached = False
        else:
            self._known.add(uid)


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
