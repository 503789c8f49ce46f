"""What brings a Secret into a namespace: rendered ExternalSecrets, and manifests in Git."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from stashgen.api.base import JsonObject, mapping_of, name_of
from stashgen.diagnostics import Position
from stashgen.model.source import Source as ProjectSource
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_Block = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Source:
    """What brings a Secret.

    Attributes:
        secret: The Secret's name.
        text: What it is, for people.
        position: Where it is written; None for what is rendered.
        survives: The values outlive the cluster with nothing but what is in Git and in a store.
    """

    secret: str
    text: str
    position: Position | None = None
    survives: bool = True


# By cluster id, namespace and Secret.
Sources = Mapping[tuple[str, str, str], Source]


def rendered_source(data: JsonObject) -> Source | None:
    """The source that a rendered object is; None for other kinds."""
    if data["kind"] != "ExternalSecret":
        return None
    store = mapping_of(mapping_of(data, "spec"), "secretStoreRef")
    text = f"rendered ExternalSecret, from {store.get('kind')} {store.get('name')}"
    return Source(name_of(data), text)


def sources_in_git(project: ProjectSource) -> Sources:
    """The sources among the manifests of the inventories.

    Kinds: Secret (encrypted, or with placeholders that a syncer fills in), SealedSecret
    (bitnami.com), ExternalSecret (external-secrets.io), VaultStaticSecret
    (secrets.hashicorp.com), OnePasswordItem (onepassword.com).
    """
    found: dict[tuple[str, str, str], Source] = {}
    for cluster, documents in project.manifests.items():
        for document in documents:
            for data, position in _objects(document):
                namespace = _text(_block(data, "metadata"), "namespace")
                source = _source(data, position)
                if source is not None and namespace:
                    found.setdefault((cluster, namespace, source.secret), source)
    return found


def _objects(document: Document) -> Iterator[tuple[_Block, Position]]:
    """A document's object, or those of a List."""
    items = document.data.get("items")
    if isinstance(items, list):
        for index, item in enumerate(items):
            if isinstance(item, dict):
                yield item, document.position("items", index)
    else:
        yield document.data, document.start


def _source(data: _Block, position: Position) -> Source | None:
    name, spec = _text(_block(data, "metadata"), "name"), _block(data, "spec")
    kind = _text(data, "kind")
    match kind:
        case "Secret" if not any(_block(data, block) for block in ("data", "stringData")):
            return None  # Filled in by somebody else.
        case "Secret" if isinstance(data.get("sops"), dict):
            return _found(name, "Secret encrypted with SOPS", position)
        case "Secret":
            return _found(name, "Secret with placeholders", position)
        case "SealedSecret":
            named = _text(_block(_block(spec, "template"), "metadata"), "name")
            return _found(named or name, kind, position, survives=False)
        case "ExternalSecret":
            return _found(_text(_block(spec, "target"), "name") or name, kind, position)
        case "VaultStaticSecret":
            return _found(_text(_block(spec, "destination"), "name"), kind, position)
        case "OnePasswordItem":
            return _found(name, kind, position)
        case _:
            return None


def _found(name: str, text: str, position: Position, *, survives: bool = True) -> Source | None:
    return Source(name, text, position, survives) if name else None


def _block(data: _Block, key: str) -> _Block:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _text(data: _Block, key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""
