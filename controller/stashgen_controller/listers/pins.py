"""Which Snapshots retention has to spare: a restore that has not ended names them.

Restores are read as stored: one that our models refuse (``runtime/malformed.py``) restores once it
has been corrected, and what it names must still be there then. What it does not name, it does not
hold: a strange object concerns nobody but the Repository that it is about.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from stashgen.api.base import JsonObject, name_of
from stashgen.api.resources import RESTORE_REQUESTS, RESTORE_SESSIONS
from stashgen.api.restore_request import LATEST
from stashgen_controller.listers.indexes.restores import (
    PINNING_REQUESTS,
    PINNING_RESTORES,
    pins_by_request,
    pins_by_restore,
)
from stashgen_controller.listers.snapshots import newest_good
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.kind import Reader


@dataclass(frozen=True, slots=True)
class UnfinishedRestores:
    """The restores of a namespace that have not ended, as stored."""

    restores: Sequence[JsonObject]
    requests: Sequence[JsonObject]


@dataclass(frozen=True, slots=True)
class Pins:
    """What restores need of one Repository.

    Attributes:
        names: Of the Snapshots, sorted.
        unclear: Why it cannot be said of any of its Snapshots that no restore needs it; None where
            the names are all there is.
    """

    names: tuple[str, ...] = ()
    unclear: Reason | None = None


def unfinished_restores(reader: Reader, namespace: str) -> UnfinishedRestores:
    """Who restores, as far as the caches know."""
    restores = (
        reader.stored(RESTORE_SESSIONS, *place)
        for place in reader.places(PINNING_RESTORES, namespace)
    )
    requests = (
        reader.stored(RESTORE_REQUESTS, *place)
        for place in reader.places(PINNING_REQUESTS, namespace)
    )
    return UnfinishedRestores(
        [item for item in restores if item is not None],
        [item for item in requests if item is not None],
    )


def live_unfinished_restores(reader: Reader, namespace: str) -> UnfinishedRestores:
    """Who restores, as the API server has it.

    Raises:
        Whatever a request raises.
    """
    restores = reader.live_objects(RESTORE_SESSIONS, namespace)
    requests = reader.live_objects(RESTORE_REQUESTS, namespace)
    return UnfinishedRestores(
        [item for item in restores if pins_by_restore(item)],
        [item for item in requests if pins_by_request(item)],
    )


def pins_of(reader: Reader, namespace: str, repository: str, who: UnfinishedRestores) -> Pins:
    """What restores need of a Repository.

    What is asked for as ``latest`` is the newest good one until it is decided which one is meant.
    """
    found: set[str] = set()
    unclear: Reason | None = None
    for kind, obj, source, wanted in _sources(who):
        named = _text(source, "repository")
        if named not in {"", repository}:
            continue
        found |= wanted
        if named and not wanted:
            text = (
                f"{kind} {name_of(obj)} restores from the Repository and does not say which "
                "Snapshot: correct or delete it"
            )
            unclear = unclear or Reason(Cause.WAITING_FOR_RESTORE, text)
    if LATEST in found:
        newest = newest_good(reader, namespace, repository)
        found = (found - {LATEST}) | ({newest} if newest is not None else set())
    return Pins(tuple(sorted(found)), unclear)


def _sources(who: UnfinishedRestores) -> Iterator[tuple[str, JsonObject, JsonObject, set[str]]]:
    """Each restore with its kind, with what says where it reads, and the names that it gives."""
    for obj in who.restores:
        status = _mapping(obj, "status")
        # What is recorded once it begins is named in full.
        recorded = _mapping(status, "inEffect")
        source = recorded or _mapping(_mapping(obj, "spec"), "dataSource")
        dependencies = _mappings(status.get("dependencies"))
        chosen = (_text(item, "name") for item in dependencies if item.get("kind") == "Snapshot")
        yield "RestoreSession", obj, source, _without_empty([_text(source, "snapshot"), *chosen])
    for obj in who.requests:
        spec = _mapping(obj, "spec")
        chosen_name = _text(_mapping(obj, "status"), "snapshot")
        yield "RestoreRequest", obj, spec, _without_empty([chosen_name or _text(spec, "snapshot")])


def _without_empty(names: Iterable[str]) -> set[str]:
    return {name for name in names if name}


def _mapping(obj: JsonObject, field: str) -> JsonObject:
    found = obj.get(field)
    return found if isinstance(found, dict) else {}


def _mappings(value: JsonValue) -> list[JsonObject]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _text(obj: JsonObject, field: str) -> str:
    found = obj.get(field)
    return found if isinstance(found, str) else ""
