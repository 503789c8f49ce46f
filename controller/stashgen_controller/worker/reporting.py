"""The second way home: what a worker patches into the statuses while and after it works.

The termination message is the first. A refused or lost patch does not fail a good backup: the
controller completes what the worker could not write.
"""

import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

from stashgen.api.base import JsonObject, Model
from stashgen.api.resources import BACKUP_SESSIONS, RESTORE_SESSIONS, SNAPSHOTS, Resource
from stashgen.api.snapshot import Component, Progress
from stashgen.kubestash.quantities import format_size
from stashgen_controller.worker.api import Api, ApiRefusedError

_INTERVAL_SECONDS = 10.0


class Reporter:
    """Patches the statuses of one run's objects."""

    def __init__(self, api: Api, namespace: str, now: Callable[[], datetime]) -> None:
        self._api = api
        self._namespace = namespace
        self._now = now
        self._last = now()

    def snapshot(self, name: str, components: Mapping[str, Component]) -> None:
        """The components of the Snapshot that this run makes."""
        self._patch(SNAPSHOTS, name, _components(components))

    def backup_session(self, name: str, phase: str) -> None:
        """The phase of the session, by the Job that ends its last copy."""
        self._patch(BACKUP_SESSIONS, name, {"phase": phase})

    def restore_session(
        self, name: str, components: Mapping[str, Model], phase: str | None
    ) -> None:
        """The components of a restore and, at its end, its phase."""
        status = _components(components)
        self._patch(RESTORE_SESSIONS, name, status | ({"phase": phase} if phase else {}))

    def is_due(self) -> bool:
        """Whether it is time for another progress report."""
        now = self._now()
        if (now - self._last).total_seconds() < _INTERVAL_SECONDS:
            return False
        self._last = now
        return True

    def _patch(self, resource: Resource, name: str, status: JsonObject) -> None:
        with contextlib.suppress(ApiRefusedError):
            self._api.patch_status(resource, self._namespace, name, status)


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
