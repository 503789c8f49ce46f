"""Manifests that bring Secrets: they, and not stashgen, have the values or know where they are."""

from collections.abc import Iterator, Mapping

from stashgen.diagnostics import Position
from stashgen.model.secret_source import SecretSource, SecretSources
from stashgen.model.source import Source
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_Block = Mapping[str, Json]
# With these an ExternalSecret creates no Secret: it adds to one that is there, or does nothing.
_OF_ANOTHER = frozenset({"Merge", "None"})


def sources_in_git(source: Source) -> SecretSources:
    """The sources among the manifests of the inventories.

    Kinds: Secret (encrypted, or with placeholders that a syncer fills in; plain text is reported
    elsewhere), SealedSecret (bitnami.com), ExternalSecret (external-secrets.io), VaultStaticSecret
    (secrets.hashicorp.com), OnePasswordItem (onepassword.com).
    """
    found: dict[tuple[str, str, str], SecretSource] = {}
    for cluster, documents in source.manifests.items():
        for document in documents:
            for data, position in _objects(document):
                namespace = _text(_block(data, "metadata"), "namespace")
                brought = _source(data, position)
                if brought is not None and namespace:
                    found.setdefault((cluster, namespace, brought.secret), brought)
    return found


def external_secrets_in_git(source: Source) -> Mapping[tuple[str, str, str], Position]:
    """The ExternalSecrets of the inventories, whatever they bring.

    By cluster id, namespace and name; an empty namespace where it is set when they are applied.
    """
    found: dict[tuple[str, str, str], Position] = {}
    for cluster, documents in source.manifests.items():
        for document in documents:
            for data, position in _objects(document):
                metadata = _block(data, "metadata")
                if _text(data, "kind") == "ExternalSecret":
                    place = (cluster, _text(metadata, "namespace"), _text(metadata, "name"))
                    found.setdefault(place, position)
    return found


def _objects(document: Document) -> Iterator[tuple[_Block, Position]]:
    """A document's object, or those of a List."""
    items = document.data.get("items")
    if isinstance(items, list) and _text(document.data, "kind").endswith("List"):
        for index, item in enumerate(items):
            if isinstance(item, dict):
                yield item, document.position("items", index)
    else:
        yield document.data, document.start


def _source(data: _Block, position: Position) -> SecretSource | None:
    name, spec = _text(_block(data, "metadata"), "name"), _block(data, "spec")
    kind = _text(data, "kind")
    match kind:
        case "Secret" if not any(_block(data, block) for block in ("data", "stringData")):
            return None  # Filled in by somebody else.
        case "Secret" if isinstance(data.get("sops"), dict):
            return _found(name, "Secret encrypted with SOPS", position)
        case "Secret":
            return _found(name, kind, position)
        case "SealedSecret":
            named = _text(_block(_block(spec, "template"), "metadata"), "name")
            return _found(named or name, kind, position, survives=False)
        case "ExternalSecret":
            target = _block(spec, "target")
            if _text(target, "creationPolicy") in _OF_ANOTHER:
                return None
            return _found(_text(target, "name") or name, kind, position)
        case "VaultStaticSecret":
            return _found(_text(_block(spec, "destination"), "name"), kind, position)
        case "OnePasswordItem":
            return _found(name, kind, position)
        case _:
            return None


def _found(
    name: str, text: str, position: Position, *, survives: bool = True
) -> SecretSource | None:
    return SecretSource(name, text, position, survives) if name else None


def _block(data: _Block, key: str) -> _Block:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _text(data: _Block, key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""
