"""The objects of manifest documents, and what can be said of their texts."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stashgen.diagnostics import Position, quote
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json, format_path

Path = tuple[str | int, ...]
_PLACEHOLDERS = ("${", "{{")
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
_LONGEST = {"name": 253, "namespace": 63}


class UnknownError(Exception):
    """An object that may be a volume and cannot be understood; the message says why."""


@dataclass(frozen=True, slots=True, eq=False)
class Object:
    """One object of a manifest: its data and its place in the document."""

    data: Mapping[str, Json]
    document: Document
    path: Path

    @property
    def position(self) -> Position:
        """Where it begins."""
        return self.document.position(*self.path) if self.path else self.document.start

    @property
    def kind(self) -> str:
        """Its kind, or nothing."""
        return text_at(self.data, "kind")

    @property
    def group(self) -> str:
        """The API group; nothing for the core group."""
        group, slash, _ = text_at(self.data, "apiVersion").rpartition("/")
        return group if slash else ""

    @property
    def name(self) -> str:
        """Its name as it is written, or nothing."""
        return text_at(map_at(self.data, "metadata"), "name")

    @property
    def namespace(self) -> str | None:
        """Its namespace as it is written."""
        return text_at(map_at(self.data, "metadata"), "namespace") or None

    @property
    def spec(self) -> Mapping[str, Json]:
        """Its spec; empty if there is none."""
        return map_at(self.data, "spec")

    def position_of(self, *keys: str | int) -> Position:
        """Where a part of it is written."""
        return self.document.position(*self.path, *keys)

    def subject(self, *keys: str | int) -> str:
        """The object, and a field of it, as findings name them."""
        named = "/".join(part for part in (self.kind, self.name) if part)
        return f"{named} {format_path(keys)}".strip()


def objects_of(document: Document) -> Iterator[Object]:
    """The objects of a document, list items included (``kubectl get -o yaml`` writes lists)."""
    return _objects(document.data, document, ())


def _objects(data: Json, document: Document, path: Path) -> Iterator[Object]:
    if not isinstance(data, dict):
        yield Object({}, document, path)
        return
    kind, items = data.get("kind"), data.get("items")
    if (
        not isinstance(kind, str)
        or not kind.endswith("List")
        or data.get("apiVersion") != "v1"
        or not isinstance(items, list)
    ):
        yield Object(data, document, path)
        return
    for index, item in enumerate(items):
        inner = (*path, "items", index)
        if kind != "List" and isinstance(item, dict) and "kind" not in item:
            # A typed list (PersistentVolumeClaimList) omits the kind of its items.
            typed = {"apiVersion": "v1", "kind": kind.removesuffix("List"), **item}
            yield Object(typed, document, inner)
        else:
            yield from _objects(item, document, inner)


def map_at(node: Mapping[str, Json], *keys: str) -> Mapping[str, Json]:
    """The map at a path; empty if there is none."""
    for key in keys:
        inner = node.get(key)
        node = inner if isinstance(inner, dict) else {}
    return node


def text_at(node: Mapping[str, Json], key: str) -> str:
    """A string, or nothing."""
    value = node.get(key)
    return value if isinstance(value, str) else ""


def list_at(node: Mapping[str, Json], key: str) -> list[Json]:
    """A list; empty if there is none."""
    value = node.get(key)
    return value if isinstance(value, list) else []


def is_template(text: str) -> bool:
    """Whether something in a text is filled in later, so that nothing is known of it."""
    return any(placeholder in text for placeholder in _PLACEHOLDERS)


def checked(value: Json, field: str) -> str:
    """A name or a namespace that Kubernetes accepts.

    Raises:
        UnknownError: it is anything else.
    """
    if not isinstance(value, str) or not value:
        raise UnknownError(f"its metadata.{field} is missing or not a string")
    if is_template(value):
        raise UnknownError(f"its {field} {quote(value)} has an unresolved placeholder")
    if not _NAME.fullmatch(value) or len(value) > _LONGEST[field]:
        # It becomes part of paths, too.
        raise UnknownError(f"its {field} {quote(value)} is not valid in Kubernetes")
    return value


def labels_of(metadata: Mapping[str, Json]) -> dict[str, str]:
    """The labels of an object.

    Raises:
        UnknownError: they are no labels, or have placeholders.
    """
    labels = metadata.get("labels") or {}
    if not isinstance(labels, dict):
        raise UnknownError("its labels are not a map")
    texts: dict[str, str] = {}
    for key, value in labels.items():
        if not isinstance(value, str):
            raise UnknownError(f"its label {quote(key)} is not a string")
        if is_template(key) or is_template(value):
            label = quote(f"{key}: {value}")
            raise UnknownError(f"its label {label} has an unresolved placeholder")
        texts[key] = value
    return texts
