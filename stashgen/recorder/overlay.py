"""A Flux Kustomization as a kustomization over the folder that it applies."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from stashgen.diagnostics import ToolError
from stashgen.inventory.objects import Object, list_at, map_at, text_at
from stashgen.model.recorded import is_record
from stashgen.recorder.kustomize import KUSTOMIZATIONS
from stashgen.recorder.repository import Repository
from stashgen.yaml.documents import read_documents
from stashgen.yaml.nodes import Json

_SUFFIXES = (".yaml", ".yml")
# Passed on as they are: kustomize and Flux call them the same.
_SAME = ("namePrefix", "nameSuffix", "patches", "patchesStrategicMerge", "patchesJson6902")


def overlay(
    item: Object, folder: PurePosixPath, repository: Repository, place: Path
) -> dict[str, Json]:
    """The kustomization that stands for a Flux Kustomization.

    kustomize-controller writes the same fields into the folder's own kustomization, and makes one
    of all manifests below a folder that has none (``fluxcd/pkg/kustomize``, ``Generator``).

    Args:
        item: The Flux Kustomization.
        folder: That it applies.
        repository: Where the folder is.
        place: The folder of the kustomization, outside of the repository.
    """
    spec, real = item.spec, repository.root / folder
    made: dict[str, Json] = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [_relative(one, place) for one in resources(real)],
    }
    if text_at(spec, "targetNamespace"):
        made["namespace"] = text_at(spec, "targetNamespace")
    components = list(_components(spec, real))
    if components:
        made["components"] = [_relative(one, place) for one in components]
    common = map_at(spec, "commonMetadata")
    if common.get("labels"):
        made["labels"] = [{"pairs": common["labels"]}]
    if common.get("annotations"):
        made["commonAnnotations"] = common["annotations"]
    return made | {field: spec[field] for field in _SAME if spec.get(field)}


def resources(folder: Path) -> Iterator[Path]:
    """The folder itself, or without a kustomization all manifests below it, as Flux lists them.

    Raises:
        ToolError: there is a record among them.
    """
    if has_kustomization(folder):
        yield folder
        return
    for entry in sorted(folder.iterdir()):
        if entry.is_symlink():
            continue
        if entry.is_dir():
            yield from resources(entry) if entry.name != ".git" else ()
        elif entry.suffix in _SUFFIXES and _is_manifest(entry):
            yield entry


def has_kustomization(folder: Path) -> bool:
    """Whether kustomize can build a folder."""
    return any((folder / name).is_file() for name in KUSTOMIZATIONS)


def _is_manifest(path: Path) -> bool:
    content = path.read_bytes()
    if is_record(content):
        raise ToolError(
            f"Flux applies {path.parent}, where the record {path.name} is: its workloads have no "
            "images; keep it where nothing applies it"
        )
    read = read_documents(content, PurePosixPath(path.name), dirty=True)
    return any({"apiVersion", "kind"} <= document.data.keys() for document in read.value)


def _components(spec: Mapping[str, Json], folder: Path) -> Iterator[Path]:
    may_lack = spec.get("ignoreMissingComponents") is True
    for part in list_at(spec, "components"):
        if isinstance(part, str):
            path = folder / part
            if path.is_dir() or not may_lack:
                yield path


def _relative(path: Path, place: Path) -> str:
    """The path as kustomize takes it: never an absolute one."""
    return Path(os.path.relpath(os.path.normpath(path), place)).as_posix()
