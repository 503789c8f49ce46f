"""Rules across several objects: references and duplicates."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from stashgen.diagnostics import Finding, quote
from stashgen.kubestash.backends import BACKENDS
from stashgen.policy.template import CLUSTER_NAMES, check_template, fill
from stashgen.validate.inheritance import inheritance_findings
from stashgen.validate.walk import SETTINGS, Code, Keys, each, error, texts, value_at
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_COPY = "sessions[*].copies[*]"
_MOST_NAMES = 10
_SAME_OBJECTS = "both would get the same objects and the same place in the storage"


@dataclass(frozen=True, slots=True)
class Documents:
    """The documents by kind; any document with a name counts as existing, valid or not.

    Attributes:
        refused: Those of another API group, by the kind that they name.
    """

    project: Document
    by_kind: Mapping[str, Sequence[Document]]
    refused: Mapping[str, Sequence[Document]]

    def names(self, kind: str) -> list[str]:
        """The names of a kind's objects, sorted."""
        names = (
            value_at(one, "metadata.name")
            for one in (*self.by_kind[kind], *self.refused.get(kind, ()))
        )
        return sorted({name for name in names if isinstance(name, str)})


def reference_findings(documents: Documents) -> Iterator[Finding]:
    """The findings that need more than one document, or the whole project."""
    for kind in documents.by_kind:
        yield from _defined_twice(kind, documents.by_kind[kind])
    yield from _listed_twice(documents.project, "spec.clusters", "id")
    yield from _listed_twice(documents.project, "spec.clusters", "name")
    yield from _one_act_each(documents.by_kind["RestoreRequest"])
    yield from _retired_twice(documents.project)
    for storage in documents.by_kind["Storage"]:
        yield from _without_cluster_id(storage, documents.project)
    storages, retentions = documents.names("Storage"), documents.names("RetentionPolicy")
    policies = documents.names("BackupPolicy")
    for policy in documents.by_kind["BackupPolicy"]:
        for path in ("spec.extends", "spec.delegate.policy[*]"):
            yield from _missing(policy, path, "BackupPolicy", policies)
        for path in SETTINGS:
            yield from _listed_twice(policy, f"{path}.sessions", "name")
            for keys, _ in each(policy, f"{path}.sessions[*].copies"):
                yield from _listed_twice_at(policy, keys, "storage")
            yield from _missing(policy, f"{path}.{_COPY}.storage", "Storage", storages)
            yield from _missing(policy, f"{path}.{_COPY}.retention", "RetentionPolicy", retentions)
    for guardrail in documents.by_kind["Guardrail"]:
        why = "a finding names the rule, and could mean either"
        yield from _listed_twice(guardrail, "spec.rules", "name", why)
    yield from inheritance_findings(documents.project, documents.by_kind["BackupPolicy"])


def _defined_twice(kind: str, documents: Iterable[Document]) -> Iterator[Finding]:
    first: dict[str, Document] = {}
    for document in documents:
        name = value_at(document, "metadata.name")
        if not isinstance(name, str):
            continue
        keys = ("metadata", "name")
        other = first.setdefault(f"{_namespace(document, kind)}/{name}", document)
        if other is not document:
            yield error(
                Code.DEFINED_TWICE,
                document,
                keys,
                what=f"{kind}/{printable_name(name)} is defined twice",
                why="a reference to the name could mean either",
                fix="rename or remove one of them",
                related=(other.position(*keys),),
            )


def _namespace(document: Document, kind: str) -> str:
    """The namespace of a kind that is applied as written; other kinds are never applied."""
    return str(value_at(document, "metadata.namespace")) if kind == "RestoreRequest" else ""


def _one_act_each(requests: Iterable[Document]) -> Iterator[Finding]:
    """A nonce identifies one reviewed restore; a second request would be rejected."""
    first: dict[tuple[str, str], Document] = {}
    for document in requests:
        for keys, nonce in texts(document, "spec.nonce"):
            other = first.setdefault((_namespace(document, "RestoreRequest"), nonce), document)
            if other is not document:
                yield error(
                    Code.LISTED_TWICE,
                    document,
                    keys,
                    what=f"nonce {quote(nonce)} is used twice",
                    why="a nonce identifies one reviewed restore and is never reused",
                    fix="give this request another nonce",
                    related=(other.position(*keys),),
                )


def printable_name(name: str) -> str:
    """A name as it is shown after its kind."""
    return quote(name)[1:-1]


def _listed_twice(
    document: Document, path: str, field: str, why: str = _SAME_OBJECTS
) -> Iterator[Finding]:
    for keys, _ in each(document, path):
        yield from _listed_twice_at(document, keys, field, why)


def _listed_twice_at(
    document: Document, keys: Keys, field: str, why: str = _SAME_OBJECTS
) -> Iterator[Finding]:
    """Items of the list at ``keys`` with the same value of a field."""
    first: dict[str, Keys] = {}
    for item_keys, value in _fields(document, keys, field):
        other = first.setdefault(value, item_keys)
        if other is not item_keys:
            yield error(
                Code.LISTED_TWICE,
                document,
                item_keys,
                what=f"{field} {quote(value)} is used twice in {keys[-1]}",
                why=why,
                fix=f"use a different {field} for each",
                related=(document.position(*other),),
            )


def _retired_twice(project: Document) -> Iterator[Finding]:
    first: dict[tuple[str, ...], Keys] = {}
    for keys, entry in each(project, "spec.retired[*]"):
        if not isinstance(entry, dict):
            continue
        what = tuple(str(entry.get(field)) for field in ("cluster", "volume", "repository"))
        other = first.setdefault(what, keys)
        if other is not keys:
            yield error(
                Code.LISTED_TWICE,
                project,
                keys,
                what=f"volume {quote(what[1])} is retired twice",
                why="the two entries may give different dates",
                fix="remove one of the entries",
                related=(project.position(*other),),
            )


def _fields(document: Document, keys: Keys, field: str) -> Iterator[tuple[Keys, str]]:
    node: Json = document.data
    for key in keys:
        if isinstance(node, dict) and isinstance(key, str):
            node = node.get(key)
        elif isinstance(node, list) and isinstance(key, int):
            node = node[key]
    for index, item in enumerate(node if isinstance(node, list) else ()):
        value = item.get(field) if isinstance(item, dict) else None
        if isinstance(value, str):
            yield (*keys, index, field), value


def _without_cluster_id(storage: Document, project: Document) -> Iterator[Finding]:
    paths = (f"spec.backend.{name}.{one.cluster_field}" for name, one in BACKENDS.items())
    for keys, text in (found for path in paths for found in texts(storage, path)):
        try:
            check_template(text, CLUSTER_NAMES)
        except ValueError:
            continue  # Reported by the field's own rule.
        for _, cluster in each(project, "spec.clusters[*]"):
            cluster_id = cluster.get("id") if isinstance(cluster, dict) else None
            name = cluster.get("name") if isinstance(cluster, dict) else None
            if not isinstance(cluster_id, str):
                continue
            filled = fill(text, {"cluster.id": cluster_id, "cluster.name": str(name)})
            if cluster_id not in filled:
                yield error(
                    Code.NO_CLUSTER_ID,
                    storage,
                    keys,
                    what=f"{keys[-1]} {quote(text)} does not contain the cluster id",
                    why=f"another cluster with the same storage would write into the directories "
                    f"of {quote(cluster_id)}",
                    fix='add "{{ cluster.id }}" to it',
                )


def _missing(policy: Document, path: str, kind: str, known: list[str]) -> Iterator[Finding]:
    """References to what is not there.

    Args:
        policy: Who refers.
        path: To the names.
        kind: Of what they name.
        known: What is there, sorted.
    """
    for keys, name in texts(policy, path):
        index = bisect_left(known, name)
        if known[index : index + 1] != [name]:
            near = get_close_matches(name, known, n=1)
            listed = ", ".join(known[:_MOST_NAMES]) or "none"
            more = f" and {len(known) - _MOST_NAMES} more" if len(known) > _MOST_NAMES else ""
            there_are = f"the project has {listed}{more}"
            yield error(
                Code.NO_SUCH_OBJECT,
                policy,
                keys,
                what=f"there is no {kind} {quote(name)}",
                why=f"it must be defined in the project; {there_are}",
                fix=f"did you mean {quote(near[0])}?"
                if near
                else "correct the name, or add the object",
            )
