"""Kubernetes Events about some objects, newest first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from stashgen.api.resources import EVENTS
from stashgen_controller.kube.events import time_of
from stashgen_controller.runtime.scanned import ScannedReader

_OF_EVERY_RUN = ("pod/", "job/")


@dataclass(frozen=True, slots=True)
class Event:
    """One Event."""

    time: datetime
    type: str
    reason: str
    object: str
    message: str


def events_about(
    reader: ScannedReader, namespace: str, about: Iterable[tuple[str, str]], most: int
) -> list[Event]:
    """Events about objects of a kind and name, newest first.

    If there are more than ``most``, warnings take precedence over all others, and Events of our own
    objects over the routine ones of Jobs and pods.
    """
    wanted = set(about)
    found = []
    for obj in reader.stored_items(EVENTS, namespace):
        subject = cast("dict[str, str]", obj.get("involvedObject") or {})
        time = time_of(obj)
        if (subject.get("kind", ""), subject.get("name", "")) in wanted and time is not None:
            found.append(
                Event(
                    time,
                    str(obj.get("type") or ""),
                    str(obj.get("reason") or ""),
                    f"{subject.get('kind', '').lower()}/{subject.get('name', '')}",
                    " ".join(str(obj.get("message") or "").split()),
                )
            )
    found.sort(key=lambda item: (item.time, item.object), reverse=True)
    chosen = sorted(found, key=_rank)[:most]
    return sorted(chosen, key=lambda item: (item.time, item.object), reverse=True)


def _rank(item: Event) -> int:
    if item.type == "Warning":
        return 0
    return 2 if item.object.startswith(_OF_EVERY_RUN) else 1
