"""Lists: selection, and pages that are all of the time of the first."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import orjson

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.apiserver.builtins import Served
from stashgen_controller.embedded.apiserver.errors import bad_request
from stashgen_controller.embedded.apiserver.selectors import (
    Predicate,
    field_predicate,
    label_predicate,
)
from stashgen_controller.embedded.apiserver.store import Store

Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, and the list's metadata."""

    items: list[JsonObject]
    metadata: JsonObject


def predicate(served: Served, query: Query) -> Predicate:
    """What ``labelSelector`` and ``fieldSelector`` of a request select.

    Raises:
        StatusError: 400 for a selector that cannot be read.
    """
    by_label = label_predicate(query.get("labelSelector", ""))
    by_field = field_predicate(served.resource.kind, query.get("fieldSelector", ""))
    return lambda obj: by_label(obj) and by_field(obj)


def select(store: Store, served: Served, namespace: str, query: Query) -> Page:
    """One page of the objects that a request selects.

    Raises:
        StatusError: 400 for a parameter that cannot be read, 410 for a page of too long ago.
    """
    matches = predicate(served, query)
    limit = whole_number(query, "limit")
    version(query)
    with store.lock:
        if token := query.get("continue"):
            of, start = _read_token(token)
            found = store.items_at(served.key, of, namespace or None)
        else:
            of, start = store.version, ("", "")
            found = store.items(served.key, namespace or None)
    items = [item for item in found if _key(item) > start and matches(item)]
    metadata: JsonObject = {"resourceVersion": str(of)}
    if 0 < limit < len(items):
        metadata["continue"] = _token(of, _key(items[limit - 1]))
        if not query.get("labelSelector") and not query.get("fieldSelector"):
            metadata["remainingItemCount"] = len(items) - limit
        items = items[:limit]
    return Page(items, metadata)


def whole_number(query: Query, name: str) -> int:
    """A parameter that is a number; 0 without it.

    Raises:
        StatusError: 400 when it is none.
    """
    text = query.get(name) or "0"
    try:
        return int(text)
    except ValueError as error:
        raise bad_request(f'strconv.ParseInt: parsing "{text}": invalid syntax') from error


def version(query: Query) -> int:
    """The ``resourceVersion`` of a request; 0 without it.

    Raises:
        StatusError: 400 when it is none.
    """
    text = query.get("resourceVersion") or "0"
    if not (text.isascii() and text.isdecimal()):
        raise bad_request(
            f'invalid resource version: resourceVersion: Invalid value: "{text}": '
            f'strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    return int(text)


def _key(obj: JsonObject) -> tuple[str, str]:
    metadata = cast("Mapping[str, str]", obj["metadata"])
    return metadata.get("namespace", ""), metadata["name"]


def _token(of: int, last: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([of, *last])).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        of, namespace, name = orjson.loads(
            base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        )
        return int(of), (str(namespace), str(name))
    except (binascii.Error, TypeError, ValueError) as error:
        raise bad_request("continue key is not valid") from error
