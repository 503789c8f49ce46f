"""Manifests that bring Secrets: they, and not stashgen, have the values or know where they are."""

from collections.abc import Iterator, Mapping

from stashgen.diagnostics import Position
from stashgen.inventory.kustomize.outcome import identity
from stashgen.inventory.kustomize.placements import Placements, certain
from stashgen.inventory.objects import Object, is_template, map_at, objects_of, text_at
from stashgen.model.secret_source import SecretSource, SecretSources
from stashgen.model.source import Source
from stashgen.yaml.nodes import Json

_Block = Mapping[str, Json]
# With these an ExternalSecret creates no Secret: it adds to one that is there, or does nothing.
_OF_ANOTHER = frozenset({"Merge", "None"})
_KINDS = frozenset(
    {"ExternalSecret", "OnePasswordItem", "SealedSecret", "Secret", "VaultStaticSecret"}
)


def sources_in_git(source: Source) -> SecretSources:
    """The sources among the manifests of the inventories.

    Kinds: Secret (encrypted, or with placeholders that a syncer fills in; plain text is reported
    elsewhere), SealedSecret (bitnami.com), ExternalSecret (external-secrets.io), VaultStaticSecret
    (secrets.hashicorp.com), OnePasswordItem (onepassword.com).
    """
    found: dict[tuple[str, str, str], SecretSource] = {}
    for cluster, namespace, item in _placed(source):
        brought = _source(item.data, item.position)
        if brought is not None:
            found.setdefault((cluster, namespace, brought.secret), brought)
    return found


def external_secrets_in_git(source: Source) -> Mapping[tuple[str, str, str], Position]:
    """The ExternalSecrets of the inventories, whatever they bring.

    By cluster id, namespace and name; an empty namespace where it is set when they are applied.
    """
    found: dict[tuple[str, str, str], Position] = {}
    for cluster, namespace, item in _placed(source):
        if item.kind == "ExternalSecret":
            found.setdefault((cluster, namespace, item.name), item.position)
    return found


def _placed(source: Source) -> Iterator[tuple[str, str, Object]]:
    """What may bring Secrets, by cluster id and namespace; empty where that is not known.

    A namespace is what kustomizations, Flux and Argo CD make of it.
    """
    for cluster, documents in source.manifests.items():
        items = [one for document in documents for one in objects_of(document)]
        items = [one for one in items if one.kind in _KINDS]
        if not items:
            continue
        placements = Placements(documents, source.namespaces.get(cluster, {}), source.records)
        for item in items:
            ways = certain(placements.of(item.document.path))
            for namespace in dict.fromkeys(identity(item, way).namespace or "" for way in ways):
                yield cluster, "" if is_template(namespace) else namespace, item


def _source(data: _Block, position: Position) -> SecretSource | None:
    name, spec = text_at(map_at(data, "metadata"), "name"), map_at(data, "spec")
    kind = text_at(data, "kind")
    match kind:
        case "Secret" if not any(map_at(data, block) for block in ("data", "stringData")):
            return None  # Filled in by somebody else.
        case "Secret" if isinstance(data.get("sops"), dict):
            return _found(name, "Secret encrypted with SOPS", position)
        case "Secret":
            return _found(name, kind, position)
        case "SealedSecret":
            named = text_at(map_at(spec, "template", "metadata"), "name")
            return _found(named or name, kind, position, survives=False)
        case "ExternalSecret":
            target = map_at(spec, "target")
            if text_at(target, "creationPolicy") in _OF_ANOTHER:
                return None
            return _found(text_at(target, "name") or name, kind, position)
        case "VaultStaticSecret":
            return _found(text_at(map_at(spec, "destination"), "name"), kind, position)
        case "OnePasswordItem":
            return _found(name, kind, position)
        case _:
            return None


def _found(
    name: str, text: str, position: Position, *, survives: bool = True
) -> SecretSource | None:
    return SecretSource(name, text, position, survives) if name else None
