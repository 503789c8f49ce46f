"""Which objects a change is to have looked at (controller-runtime's event handlers)."""

import logging
from collections.abc import Container, Iterable, Sequence
from typing import Any

from stashgen.api.base import JsonObject, metadata_of, name_of, namespace_of
from stashgen.api.resources import Resource
from stashgen_controller.runtime.change import DELETED, MODIFIED, Change
from stashgen_controller.runtime.decision import (
    Key,
)
from stashgen_controller.runtime.kind import (
    Kind,
    Place,
    Reader,
    Watch,
)
from stashgen_controller.runtime.malformed import (
    ODD_SHAPE,
    holds,
    is_marked,
)

log = logging.getLogger(__name__)


def keys_of(
    kinds: Iterable[Kind[Any, Any]],
    reader: Reader,
    resource: Resource,
    change: Change,
    failing: Container[Key] = (),
) -> Iterable[Key]:
    """The objects that a change concerns: itself where it is reconciled, and what watches it.

    Of those that failed the last time (``failing``) their own status is no reason to look again at
    once: a claim and its release, when a Job is refused, would follow each other without a pause.
    """
    for kind in kinds:
        is_own = kind.resource == resource and change.type != DELETED
        if is_own and (is_marked(change.obj) or not holds(kind.is_finished, change.obj)):
            key = Key(resource, namespace_of(change.obj), name_of(change.obj))
            if key not in failing or not _is_status_only(change):
                yield key
        for watch in kind.watches:
            if watch.model.resource == resource:
                for namespace, name in _watching(watch, reader, change):
                    yield Key(kind.resource, namespace, name)


def _is_status_only(change: Change) -> bool:
    return change.type == MODIFIED and _without_status(change.obj) == _without_status(
        change.before()
    )


def _without_status(obj: JsonObject) -> object:
    metadata = metadata_of(obj)
    kept = ("uid", "generation", "labels", "annotations", "deletionTimestamp")
    return obj.get("spec"), [metadata.get(key) for key in kept]


def _watching(watch: Watch, reader: Reader, change: Change) -> Sequence[Place]:
    """Which objects a watch wants looked at; an odd object must not end the thread showing it."""
    try:
        return tuple(watch.keys(reader, change.obj)) if _concerns(watch, change) else ()
    except ODD_SHAPE:
        fields = {"kind": watch.model.resource.kind, "object": name_of(change.obj)}
        log.exception("a watch cannot read this object", extra=fields)
        return ()


def _concerns(watch: Watch, change: Change) -> bool:
    try:
        if change.type == DELETED and not watch.is_missed(change.obj):
            return False
        return change.concerns(watch.relevant)
    except ODD_SHAPE:
        return True
