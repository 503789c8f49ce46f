"""Claims that an object only mentions: by name, or as what an operator or a chart makes of it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from stashgen.diagnostics import quote
from stashgen.inventory.kustomize.layers import builds_of
from stashgen.inventory.objects import Object, Path, map_at, text_at
from stashgen.yaml.nodes import Json

# Fields whose value is the name of a claim in the object's namespace: pods and KubeVirt
# (claimName), charts (existing...), VolSync (...PVC), VolumeSnapshots and Velero.
CLAIM_NAMES = frozenset(
    {
        "claimName",
        "destinationPVC",
        "existingClaim",
        "existingPersistentVolumeClaim",
        "existingPvc",
        "existingPVC",
        "existingVolumeClaim",
        "persistentVolumeClaimName",
        "pvcName",
        "sourcePVC",
    }
)
USES = "uses it, but the inventory does not define it"
OPERATED = "makes its operator create claims, which the inventory does not define"
TEMPLATE = "has a template of claims, which the inventory does not define"
_CLAIM = "PersistentVolumeClaim"
_MANIFEST = re.compile(rf"^[ \t-]*kind:[ \t]*[\"']?{_CLAIM}\b", re.MULTILINE)
# Not the content of an object, or no reference to a claim that should exist.
_PASSED_OVER = frozenset({"ignoreDifferences", "metadata", "status", "values", "valuesObject"})
# Kinds without references, or with references to volumes for backups.
_PASSED_OVER_KINDS = frozenset(
    {"ConfigMap", "CustomResourceDefinition", "Namespace", "Secret", "StorageClass"}
)
_OPERATED_FIELDS = frozenset({"persistence", "storage", "volume", "walStorage"})


@dataclass(frozen=True, slots=True)
class Mention:
    """A claim that an object mentions.

    Attributes:
        names: Any of them may be it: names, or shell patterns. The first one is shown.
        keys: Where it is written in the object.
        why: What the object does with it, to be read after the object's name.
        namespace: If it is not the object's.
        is_exact: The name is known; otherwise it is what is most likely.
        folders: It is any volume in them: the name says only what builds them.
    """

    names: tuple[str, ...]
    keys: Path
    why: str
    namespace: str | None = None
    is_exact: bool = True
    folders: str = ""


def mentions(item: Object) -> Iterator[Mention]:
    """The claims that an object mentions, but for those in Helm values."""
    if item.kind in _PASSED_OVER_KINDS or item.group == "stashgen.dev":
        return
    if item.group.endswith("kubestash.com"):
        # The claim of a storage holds backups, and a restore may make its own.
        if item.kind == "BackupConfiguration":
            yield from _reference(map_at(item.spec, "target"), ("spec", "target"))
        return
    if item.group == "k8up.io" and item.kind in {"Backup", "Schedule"}:
        yield Mention(
            ("*",),
            (),
            "backs up every claim of its namespace, and the inventory has none",
            is_exact=False,
        )
    if item.group == "postgresql.cnpg.io" and item.kind == "Cluster":
        yield Mention(
            (f"{item.name}-*",), ("spec", "storage"), OPERATED,
            is_exact=False,
        )  # fmt: skip
        return
    if item.group == "cdi.kubevirt.io" and item.kind == "DataVolume":
        yield Mention(
            (item.name,), (), "makes a claim of its name, which the inventory does not define"
        )
        return
    for key, value in item.data.items():
        if key not in _PASSED_OVER and isinstance(value, dict | list):
            yield from _walk(value, (key,), item)


def folder_mentions(
    item: Object, folders: frozenset[PurePosixPath], output: PurePosixPath
) -> Iterator[Mention]:
    """What a Flux Kustomization or an Application builds and the inventory does not have.

    Args:
        item: Any object.
        folders: The inventory's.
        output: The folder that builds write.
    """
    missing = " and ".join(quote(path) for path in builds_of(item, folders, output))
    if missing:
        app = text_at(map_at(item.spec, "postBuild", "substitute"), "APP")
        space = text_at(item.spec, "targetNamespace") or text_at(
            map_at(item.spec, "destination"), "namespace"
        )
        yield Mention(
            names=(app or item.name,),
            keys=("spec",),
            why=f"builds {missing}, which the inventory does not have",
            namespace=space or None,
            is_exact=False,
            folders="" if app or space else missing,
        )


def _walk(node: Json, keys: Path, item: Object) -> Iterator[Mention]:
    if isinstance(node, list):
        for index, part in enumerate(node):
            if isinstance(part, dict | list):
                yield from _walk(part, (*keys, index), item)
        return
    if not isinstance(node, dict):
        return
    yield from _reference(node, keys)
    claim = node.get("ephemeral")
    if isinstance(claim, dict) and "volumeClaimTemplate" in claim:
        pod = item.name if item.kind == "Pod" else f"{item.name}-*"
        name = f"{pod}-{text_at(node, 'name')}"
        yield Mention(
            (name,), keys, "has a generic ephemeral volume, which is created with each pod"
        )
        return
    if _is_operated(node, keys, item):
        name = f"{item.name}-*"
        yield Mention(
            (name, f"*-{name}", item.name), keys, OPERATED,
            is_exact=False,
        )  # fmt: skip
        return
    for key, value in node.items():
        if key in CLAIM_NAMES and isinstance(value, str) and value:
            yield Mention((value,), (*keys, key), USES)
        elif isinstance(value, str) and _CLAIM in value and _is_template_of_claims(value, item):
            yield Mention((f"{item.name}-*",), (*keys, key), TEMPLATE, is_exact=False)
        elif key == "pvc" and isinstance(value, dict) and text_at(value, "name"):
            # kopiur's sources.
            space = text_at(value, "namespace") or None
            yield Mention((text_at(value, "name"),), (*keys, key), USES, space)
        elif key not in _PASSED_OVER and isinstance(value, dict | list):
            yield from _walk(value, (*keys, key), item)


def _reference(node: Mapping[str, Json], keys: Path) -> Iterator[Mention]:
    """An object reference, such as a snapshot's source or a PersistentVolume's claimRef."""
    is_claim_ref = bool(keys) and keys[-1] == "claimRef"
    if (text_at(node, "kind") == _CLAIM or is_claim_ref) and text_at(node, "name"):
        space = text_at(node, "namespace") or None
        yield Mention((text_at(node, "name"),), (*keys, "name"), USES, space)


def _is_template_of_claims(text: str, item: Object) -> bool:
    """Whether a custom resource has manifests of claims as text, such as a ResourceSet of Flux."""
    return "." in item.group and not item.group.endswith(".k8s.io") and bool(_MANIFEST.search(text))


def _is_operated(node: Mapping[str, Json], keys: Path, item: Object) -> bool:
    """Whether this part of a custom resource asks for a claim, as operators' templates do."""
    if "." not in item.group or item.group.endswith(".k8s.io"):
        return False
    if "storage" in map_at(node, "resources", "requests"):
        return True
    return keys[-1] in _OPERATED_FIELDS and isinstance(node.get("size"), str | int)
