"""As much of an object as a build reads: what a person can review, and no values of Secrets.

What changes without anyone's decision (status, UIDs, versions of the API server) is left out, so
that a record changes only with what is in the cluster.
"""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from stashgen.api.labels import RENDERED_ANNOTATION
from stashgen.inventory.helm_values import chart_mentions, is_about_claims
from stashgen.inventory.kustomize.layers import builds_of
from stashgen.inventory.mentions import mentions
from stashgen.inventory.objects import Object, list_at, map_at, text_at
from stashgen.recorder.rendered import Rendered
from stashgen.recorder.workloads import claim_spec, is_workload, workload_spec
from stashgen.yaml.documents import read_documents
from stashgen.yaml.nodes import Json

_CLAIM = "PersistentVolumeClaim"
_OUR_ANNOTATIONS = "stashgen.dev/"
# Set anew with every change of a workload.
_NO_LABELS = frozenset({"controller-revision-hash", "pod-template-generation", "pod-template-hash"})
_WITHOUT_NAMESPACE = frozenset({"Namespace", "PersistentVolume"})
# What runs or ran; the configurations are what counts.
_RUNS = frozenset({"BackupSession", "RestoreSession", "Snapshot"})
# Where an object says which Secret it brings, by kind.
_BRINGS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "ExternalSecret": (("target", "name"), ("target", "creationPolicy")),
    "SealedSecret": (("template", "metadata", "name"), ("template", "metadata", "namespace")),
    "VaultStaticSecret": (("destination", "name"),),
    "OnePasswordItem": (),
}
# Where Helm values are written as text.
_WITH_VALUES = frozenset({"argoproj.io", "helm.cattle.io"})
_VALUES_AS_TEXT = frozenset({("helm", "values"), ("spec", "valuesContent")})
# In the place of a Secret's value; validation takes it for a placeholder.
_NOT_RECORDED = "<not-recorded>"


def reduced(
    found: Rendered, folders: frozenset[PurePosixPath], output: PurePosixPath
) -> dict[str, Json] | None:
    """What is recorded of an object; None if a build has no use for it.

    Args:
        found: The object.
        folders: What applies one of them stands for nothing that is not recorded anyway.
        output: The folder that builds write.
    """
    item = found.item
    kind, annotations = item.kind, map_at(item.data, "metadata", "annotations")
    if RENDERED_ANNOTATION in annotations or item.group == "stashgen.dev":
        # Our own output, which is no input.
        return None
    if kind == _CLAIM and not item.group:
        return None if _is_owned_by_pod(item) else _object(found, claim_spec(item.spec))
    if kind == "Namespace" and not item.group:
        return _object(found)
    if is_workload(item):
        return _object(found, workload_spec(item))
    if item.group.endswith(".kubestash.com"):
        return None if kind in _RUNS else _object(found, dict(item.spec))
    if kind == "Secret" and not item.group:
        return None if found.is_live else _secret(found)
    brings = _BRINGS.get(kind)
    if brings is not None:
        return _object(found, _parts(item.spec, brings))
    return _mentioning(found, folders, output)


def _object(found: Rendered, spec: Mapping[str, Json] | None = None) -> dict[str, Json]:
    data = found.item.data
    made: dict[str, Json] = {"apiVersion": data.get("apiVersion"), "kind": data.get("kind")}
    made["metadata"] = _metadata(found)
    if spec:
        made["spec"] = dict(spec)
    return made


def _metadata(found: Rendered) -> dict[str, Json]:
    metadata = map_at(found.item.data, "metadata")
    made: dict[str, Json] = {
        key: metadata[key] for key in ("name", "generateName") if metadata.get(key)
    }
    namespace = metadata.get("namespace") or found.namespace
    if namespace and found.item.kind not in _WITHOUT_NAMESPACE:
        made["namespace"] = namespace
    labels, annotations = map_at(metadata, "labels"), map_at(metadata, "annotations")
    kept: dict[str, dict[str, Json]] = {
        "labels": {key: labels[key] for key in sorted(labels) if key not in _NO_LABELS},
        "annotations": {
            key: annotations[key] for key in sorted(annotations) if key.startswith(_OUR_ANNOTATIONS)
        },
    }
    return made | {key: dict(texts) for key, texts in kept.items() if texts}


def _is_owned_by_pod(item: Object) -> bool:
    """Whether a claim is a generic ephemeral volume, which ends with its pod."""
    owners = list_at(map_at(item.data, "metadata"), "ownerReferences")
    return any(isinstance(owner, dict) and text_at(owner, "kind") == "Pod" for owner in owners)


def _secret(found: Rendered) -> dict[str, Json]:
    data = found.item.data
    keys = sorted({*map_at(data, "data"), *map_at(data, "stringData")})
    made = _object(found)
    if keys:
        made["stringData"] = dict.fromkeys(keys, _NOT_RECORDED)
    if isinstance(data.get("sops"), dict):
        made["sops"] = {}
    return made


def _parts(spec: Mapping[str, Json], paths: Iterable[tuple[str, ...]]) -> dict[str, Json]:
    made: dict[str, Json] = {}
    for path in paths:
        value = map_at(spec, *path[:-1]).get(path[-1])
        if value is not None:
            _put(made, path, value)
    return made


def _put(node: dict[str, Json], path: tuple[str, ...], value: Json) -> None:
    for key in path[:-1]:
        inner = node.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        node = inner
    node[path[-1]] = value


def _mentioning(
    found: Rendered, folders: frozenset[PurePosixPath], output: PurePosixPath
) -> dict[str, Json] | None:
    """The parts of an object that mention claims, or say what else is to be rendered."""
    item = found.item
    if item.group in _WITH_VALUES:
        item = Object(_readable(item.data), item.document, item.path)
    kept = {one.keys for one in (*mentions(item), *chart_mentions(item))}
    if any(builds_of(item, folders, output)):
        kept |= {("spec", "path"), ("spec", "components"), ("spec", "sourceRef")}
        kept |= {("spec", "postBuild", "substitute", "APP"), ("spec", "source", "path")}
        sources = range(len(list_at(item.spec, "sources")))
        kept |= {("spec", "sources", index, "path") for index in sources}
        if item.kind == "ApplicationSet":
            kept |= {("spec", "generators"), ("spec", "template", "spec", "source", "path")}
            more = range(len(list_at(map_at(item.spec, "template", "spec"), "sources")))
            kept |= {("spec", "template", "spec", "sources", index, "path") for index in more}
    if not kept:
        return None
    for keys in tuple(kept):
        if keys[-1:] == ("name",):
            # A reference: what it is of, and where that is.
            kept |= {(*keys[:-1], field) for field in ("apiGroup", "kind", "namespace")}
        if "helm" in keys:
            kept.add((*keys[: keys.index("helm")], "helm", "releaseName"))
    kept |= {("spec", field) for field in ("releaseName", "targetNamespace", "destination")}
    kept |= {("spec", "template", "metadata", "name"), ("spec", "template", "spec", "destination")}
    chosen = _chosen(dict(item.data), (), kept)
    made = _object(found)
    if isinstance(chosen, dict):
        made |= {key: value for key, value in chosen.items() if key not in made}
    return made


def _chosen(node: Json, keys: tuple[str | int, ...], kept: set[tuple[str | int, ...]]) -> Json:
    """The parts of a tree at these paths, and what leads to them; None if there is none."""
    if keys in kept and keys:
        # Of a template of manifests only that it has claims: it may have Secrets, too.
        is_template = isinstance(node, str) and "\n" in node
        return f"kind: {_CLAIM}\n" if is_template else node
    if not any(path[: len(keys)] == keys for path in kept):
        return None
    if isinstance(node, dict):
        pairs = ((key, _chosen(value, (*keys, key), kept)) for key, value in node.items())
        found: dict[str, Json] = {key: value for key, value in pairs if value is not None}
        return found or None
    if isinstance(node, list):
        items = [_chosen(value, (*keys, index), kept) for index, value in enumerate(node)]
        return [one for one in items if one is not None] or None
    return None


def _readable(data: Mapping[str, Json]) -> dict[str, Json]:
    """An object whose Helm values are maps, without the parameters that are about no claim."""
    return {key: _values_as_maps(value, (key,)) for key, value in data.items()}


def _values_as_maps(node: Json, keys: tuple[str, ...]) -> Json:
    if isinstance(node, list):
        items = [_values_as_maps(part, keys) for part in node]
        if keys[-2:] != ("helm", "parameters"):
            return items
        named = [part for part in items if isinstance(part, dict)]
        return [part for part in named if is_about_claims(text_at(part, "name"))]
    if isinstance(node, dict):
        return {key: _values_as_maps(value, (*keys, key)) for key, value in node.items()}
    if isinstance(node, str) and keys[-2:] in _VALUES_AS_TEXT:
        read = read_documents(node.encode(), PurePosixPath("values"), dirty=True).value
        return read[0].data if len(read) == 1 else node
    return node
