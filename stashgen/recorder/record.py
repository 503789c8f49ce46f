"""The record of a cluster: every object once, in an order that keeps differences small."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from stashgen.inventory.objects import Object, map_at, objects_of, text_at
from stashgen.model.recorded import with_record_header
from stashgen.recorder.helm_release import with_all_values
from stashgen.recorder.reduced import reduced
from stashgen.recorder.rendered import Rendered
from stashgen.recorder.settings import Settings
from stashgen.yaml.documents import read_documents
from stashgen.yaml.emitter import emit_all
from stashgen.yaml.nodes import Json

# Namespace, kind, name and API group.
_Key = tuple[str, str, str, str]
_ORDER = ("apiVersion", "kind", "metadata", "name", "generateName", "namespace")


@dataclass(frozen=True, slots=True)
class Record:
    """What is recorded of a cluster.

    Attributes:
        content: The whole file.
        objects: How many objects there are, by kind, sorted.
        differing: Objects that two sources describe differently; the first source counts.
    """

    content: bytes
    objects: Mapping[str, int]
    differing: tuple[str, ...]


def record_of(
    cluster_id: str,
    sources: Iterable[Iterable[Rendered]],
    output: str,
    folders: frozenset[PurePosixPath] = frozenset(),
) -> Record:
    """The record of what the sources render.

    Args:
        cluster_id: Which cluster it is.
        sources: Their objects, in the order of the sources.
        output: The folder that builds write.
        folders: That they render: what applies one stands for no more.
    """
    found: dict[_Key, dict[str, Json]] = {}
    differing: list[str] = []
    for source in sources:
        before = set(found)
        there = _without_owned([*source])
        settings = Settings()
        for rendered in there:
            settings.add(rendered.item)
        for rendered in there:
            item = with_all_values(rendered.item, settings)
            made = reduced(replace(rendered, item=item), folders, PurePosixPath(output))
            if made is None:
                continue
            made = {key: _in_order(value) for key, value in made.items()}
            key = _key(made)
            known = found.setdefault(key, made)
            if known != made and key in before:
                differing.append(_shown(key))
    ordered = dict(sorted(found.items()))
    counts: dict[str, int] = {}
    for kind in sorted(text_at(one, "kind") for one in ordered.values()):
        counts[kind] = counts.get(kind, 0) + 1
    content = with_record_header(cluster_id, emit_all(ordered.values()).encode())
    return Record(content, counts, tuple(dict.fromkeys(differing)))


@dataclass(frozen=True, slots=True)
class Difference:
    """One object in which a record differs from another.

    Attributes:
        line: Of the object in the old record; 1 if it is only in the new one.
        subject: The object.
        what: What became of it.
    """

    line: int
    subject: str
    what: str


def differences(old: bytes, new: bytes) -> list[Difference]:
    """The objects in which two records differ, by line in the old one.

    Records with the same objects may differ in their bytes all the same.
    """
    before, after = _objects(old), _objects(new)
    found = [
        Difference(1, _shown(key), "is not in the record") for key in after.keys() - before.keys()
    ]
    for key, item in before.items():
        if key not in after:
            found.append(Difference(item.position.line, _shown(key), "is in no source any more"))
        elif item.data != after[key].data:
            found.append(Difference(item.position.line, _shown(key), "differs from its sources"))
    return sorted(found, key=lambda one: (one.line, one.subject))


def _objects(content: bytes) -> dict[_Key, Object]:
    read = read_documents(content, PurePosixPath("record"), dirty=True).value
    return {_key(item.data): item for document in read for item in objects_of(document)}


def _without_owned(source: list[Rendered]) -> list[Rendered]:
    """Without the pods, ReplicaSets and Jobs whose owner is there, too."""
    there = {_identity(one.item) for one in source}
    return [one for one in source if not there & set(_owners(one.item))]


def _identity(item: Object) -> tuple[str, str, str]:
    return item.kind, item.namespace or "", item.name


def _owners(item: Object) -> Iterable[tuple[str, str, str]]:
    if item.kind not in {"Pod", "ReplicaSet", "Job"}:
        return
    owners = map_at(item.data, "metadata").get("ownerReferences")
    for owner in owners if isinstance(owners, list) else ():
        if isinstance(owner, dict):
            yield text_at(owner, "kind"), item.namespace or "", text_at(owner, "name")


def _key(data: Mapping[str, Json]) -> _Key:
    metadata, kind = map_at(data, "metadata"), text_at(data, "kind")
    name = text_at(metadata, "name") or text_at(metadata, "generateName")
    # A Namespace is shown before what is in it.
    is_namespace = kind == "Namespace" and data.get("apiVersion") == "v1"
    space = name if is_namespace else text_at(metadata, "namespace")
    group, slash, _ = text_at(data, "apiVersion").rpartition("/")
    return space, "" if is_namespace else kind, name, group if slash else ""


def _shown(key: _Key) -> str:
    space, kind, name, _ = key
    return f"{kind} {space}/{name}" if kind and space else f"{kind or 'Namespace'} {name}"


def _in_order(node: Json) -> Json:
    """The same with the keys of every map in one order: programs differ in theirs."""
    if isinstance(node, dict):
        first = [key for key in _ORDER if key in node]
        rest = sorted(node.keys() - {*first})
        return {key: _in_order(node[key]) for key in (*first, *rest)}
    return [_in_order(part) for part in node] if isinstance(node, list) else node
