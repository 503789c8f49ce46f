"""Kubernetes Events: the few changes of our objects that ``kubectl describe`` should show.

They are derived from what the caches see, not created where statuses are written, because the
worker that ends a session writes the session's phase itself. There is one Event per object and
reason; a repetition only updates its time.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from queue import Full, Queue
from threading import Thread
from typing import cast

from stashgen.api.base import JsonObject, format_time, list_of, mapping_of, namespace_of
from stashgen.api.resources import (
    BACKUP_CONFIGURATIONS,
    BACKUP_SESSIONS,
    BACKUP_STORAGES,
    EVENTS,
    REPOSITORIES,
    RESTORE_REQUESTS,
    RESTORE_SESSIONS,
    Resource,
)
from stashgen_controller.kube.client import AlreadyExistsError, ApiError, Client
from stashgen_controller.kube.clock import Clock
from stashgen_controller.kube.events import NORMAL, WARNING
from stashgen_controller.observability.outcomes import failures, false_conditions
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.kind import Reader, is_namespace_terminating
from stashgen_controller.runtime.malformed import is_marked, message_of

log = logging.getLogger(__name__)

COMPONENT = "stashgen-controller"
# validation.ValidateEvent of Kubernetes refuses longer ones.
_MAX_MESSAGE = 1024
_MAX_WAITING = 1000
# That a backup succeeded is in its status: an Event of each would be a write more a session.
OF_PHASE = {
    (BACKUP_SESSIONS, "Failed"): (WARNING, "BackupFailed"),
    (BACKUP_SESSIONS, "Skipped"): (WARNING, "BackupSkipped"),
    (RESTORE_SESSIONS, "Succeeded"): (NORMAL, "RestoreSucceeded"),
    (RESTORE_SESSIONS, "Failed"): (WARNING, "RestoreFailed"),
    (RESTORE_SESSIONS, "Invalid"): (WARNING, "RestoreInvalid"),
    (RESTORE_REQUESTS, "Succeeded"): (NORMAL, "RequestSucceeded"),
    (RESTORE_REQUESTS, "Failed"): (WARNING, "RequestFailed"),
    (RESTORE_REQUESTS, "Expired"): (WARNING, "RequestExpired"),
    (BACKUP_STORAGES, "Ready"): (NORMAL, "Ready"),
    (REPOSITORIES, "Ready"): (NORMAL, "Ready"),
    (BACKUP_CONFIGURATIONS, "Ready"): (NORMAL, "Ready"),
}
# Nothing is remembered of other kinds: there are dozens of them to each volume.
_REPORTED = frozenset(resource for resource, _ in OF_PHASE)
# Kinds whose conditions are reported, by the condition's reason, when they become False.
_WITH_CONDITIONS = frozenset({BACKUP_STORAGES, REPOSITORIES, BACKUP_CONFIGURATIONS})


@dataclass(frozen=True, slots=True)
class Note:
    """An Event to report: Normal or Warning, a reason in CamelCase, a sentence."""

    type: str
    reason: str
    message: str


def notes(reader: Reader, resource: Resource, obj: JsonObject) -> Iterator[Note]:
    """The Events that an object's current status calls for; each reason at most once."""
    status = mapping_of(obj, "status")
    phase = str(status.get("phase") or "")
    of_phase = OF_PHASE.get((resource, phase))
    if of_phase is not None:
        type_, reason = of_phase
        text = failures(reader, resource, obj) if type_ == WARNING else _success(status, phase)
        yield Note(type_, reason, text or f"the phase is {phase}")
    if resource in _WITH_CONDITIONS:
        reported: set[str] = set()
        for item in false_conditions(status):
            reason = item.get("reason") or item["type"]
            if reason not in reported:
                reported.add(reason)
                yield Note(WARNING, reason, item.get("message") or f"{item['type']} is False")
    elif is_marked(obj):
        yield Note(WARNING, Cause.INVALID_FIELD, message_of(obj))
    failed = [item for item in list_of(status, "retentionPolicy") if item.get("error")]
    if failed and resource == BACKUP_SESSIONS:
        text = "; ".join(f"{item.get('repository')}: {item['error']}" for item in failed)
        yield Note(WARNING, "RetentionFailed", text)


def _success(status: JsonObject, phase: str) -> str:
    before = status.get("restoredBefore")
    if isinstance(before, dict):
        return str(before.get("message"))
    if before:
        return f"already restored at {before}; nothing was written this time"
    duration = status.get("duration")
    return f"{phase} after {duration}" if duration else f"the phase is {phase}"


class EventRecorder:
    """Creates Events about changes of objects, in its own thread.

    An Event that cannot be created is logged and dropped: nothing depends on one.

    Args:
        client: Creates the Events.
        clock: Gives their time.
        may_write: Whether this process leads; a standby only remembers what it sees.
        instance: The name of this process, for the Event.
    """

    def __init__(
        self, client: Client, clock: Clock, may_write: Callable[[], bool], instance: str
    ) -> None:
        self._client = client
        self._clock = clock
        self._may_write = may_write
        self._instance = instance
        self._known: dict[str, frozenset[str]] = {}
        self._waiting: Queue[tuple[Resource, JsonObject, Note] | None] = Queue(_MAX_WAITING)
        self._thread = Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Start creating Events; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Create the queued Events, then stop."""
        self._waiting.put(None)
        self._thread.join(timeout=5)

    def see(self, reader: Reader, resource: Resource, change: str, obj: JsonObject) -> None:
        """Process a change of a cache; never blocks.

        The first state of an object is not reported, only later changes.
        """
        if resource not in _REPORTED:
            return
        uid = str(mapping_of(obj, "metadata").get("uid"))
        if change == "DELETED":
            self._known.pop(uid, None)
            return
        try:
            found = list(notes(reader, resource, obj))
        except Exception:  # a malformed status must not stop the cache that delivers it
            log.exception(
                "cannot derive events from this object", extra={"kind": resource.kind, "uid": uid}
            )
            return
        before = self._known.get(uid)
        self._known[uid] = frozenset(note.reason for note in found)
        if (
            before is None
            or not self._may_write()
            or is_namespace_terminating(reader, namespace_of(obj))
        ):
            return
        for note in found:
            if note.reason not in before:
                try:
                    self._waiting.put_nowait((resource, obj, note))
                except Full:
                    log.warning("event queue is full, event dropped", extra={"reason": note.reason})

    def _run(self) -> None:
        while (item := self._waiting.get()) is not None:
            resource, obj, note = item
            try:
                self._write(resource, obj, note)
            except ApiError as error:
                fields = {
                    "kind": resource.kind,
                    "namespace": namespace_of(obj),
                    "error": str(error),
                }
                log.warning("could not create event", extra=fields)

    def _write(self, resource: Resource, obj: JsonObject, note: Note) -> None:
        manifest = event_manifest(resource, obj, note, self._clock.now(), self._instance)
        namespace = namespace_of(obj)
        try:
            self._client.create(EVENTS, namespace, manifest)
        except AlreadyExistsError:
            again = {key: manifest[key] for key in ("message", "lastTimestamp")}
            name = str(mapping_of(manifest, "metadata")["name"])
            self._client.patch(EVENTS, namespace, name, again)


def event_manifest(
    resource: Resource, obj: JsonObject, note: Note, now: datetime, instance: str
) -> JsonObject:
    """An Event (core/v1) about an object; the name follows from the object and the reason."""
    metadata = cast("dict[str, str]", obj["metadata"])
    name = metadata["name"]
    digest = hashlib.sha256(f"{metadata['uid']}/{note.reason}".encode()).hexdigest()[:12]
    time = format_time(now)
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name[:200]}.{digest}", "namespace": namespace_of(obj)},
        "involvedObject": {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "name": name,
            "namespace": namespace_of(obj),
            "uid": metadata["uid"],
        },
        "type": note.type,
        "reason": note.reason,
        "message": note.message[:_MAX_MESSAGE],
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": instance,
        "firstTimestamp": time,
        "lastTimestamp": time,
        "count": 1,
    }
