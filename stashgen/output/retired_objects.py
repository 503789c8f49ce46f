"""The objects that a retired history keeps, taken from its file in the previous output.

The policy and the claim may no longer exist, so the objects that were reviewed and applied are kept
as they were: the Repository, and the pods that restore from it and maintain it. The same input and
output folder give the same bytes, and the file written here becomes its own record.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import cast

from stashgen.api.base import JsonObject, metadata_of
from stashgen.api.labels import RETIRED_ANNOTATION, pod_template_annotation
from stashgen.diagnostics import Finding, Outcome
from stashgen.kubestash.pods.templates import template_name
from stashgen.kubestash.verbs import REPOSITORY_TEMPLATES, Template
from stashgen.model.history import Previous, RetiredHistory
from stashgen.model.manifest import FileTree, Manifest, Record
from stashgen.model.resolved import Resolved
from stashgen.output.damage import damaged
from stashgen.yaml.documents import read_documents

# First what restores, which is what a retired history is kept for.
_TEMPLATES = tuple(one for one in reversed(REPOSITORY_TEMPLATES) if one is not Template.BACKUP)
_BACKUP_ANNOTATION = pod_template_annotation(Template.BACKUP)


class _MissingError(Exception):
    """The record lacks an object; the message says which."""


def retired_objects(
    resolved: Resolved, before: Iterable[Previous]
) -> Outcome[tuple[Manifest, ...]]:
    """The manifests of retired histories, and of storages that only they still need.

    Args:
        resolved: What is retired, and which storages are rendered anyway.
        before: The folders that contain its histories.
    """
    folders = {previous.root: previous.files for previous in before}
    rendered = {
        (PurePosixPath(storage.cluster.name, storage.namespace), storage.name)
        for storage in resolved.storages
    }
    made: list[Manifest] = []
    findings: list[Finding] = []
    for one in resolved.retired:
        files = folders[one.history.root]
        try:
            kept = _Kept(one, _objects(files, one.history.path))
            made += kept.manifests()
            if (one.folder, kept.storage) not in rendered:
                made += _storage(one, kept.storage, files)
                rendered.add((one.folder, kept.storage))
        except _MissingError as error:
            findings.append(damaged(one.history.position, str(error)))
    return Outcome(tuple(made), tuple(findings))


class _Kept:
    """The objects of one file that are kept.

    Attributes:
        storage: The name of the BackupStorage that the Repository is in.
    """

    def __init__(self, retired: RetiredHistory, objects: Iterable[JsonObject]) -> None:
        self._retired = retired
        self._objects = {(str(one["kind"]), metadata_of(one).get("name")): one for one in objects}
        self._repository = self._find("Repository", retired.history.repository)
        spec = cast("Mapping[str, JsonObject]", self._repository.get("spec") or {})
        self.storage = str((spec.get("storageRef") or {}).get("name"))

    def manifests(self) -> Iterator[Manifest]:
        """The Repository, annotated as retired, and its pods except the backup pod."""
        history, until = self._retired.history, self._retired.until
        path = self._retired.folder / f"_retired-{history.repository}.yaml"
        record = Record(history.volume, (history.repository,), until)
        yield Manifest(path, self._marked(until.isoformat()), record)
        for template in _TEMPLATES:
            name = template_name(template, history.repository)
            yield Manifest(path, self._find("PodTemplate", name), record)

    def _marked(self, until: str) -> JsonObject:
        metadata = metadata_of(self._repository)
        own = cast("JsonObject", metadata.get("annotations") or {})
        annotations = {key: value for key, value in own.items() if key != _BACKUP_ANNOTATION}
        annotations[RETIRED_ANNOTATION] = until
        return self._repository | {"metadata": metadata | {"annotations": annotations}}

    def _find(self, kind: str, name: str) -> JsonObject:
        found = self._objects.get((kind, name))
        if found is None:
            raise _MissingError(f"it has no {kind} {name}")
        return found


def _storage(retired: RetiredHistory, name: str, files: FileTree) -> Iterator[Manifest]:
    """The storage's file as it was."""
    file = f"_storage-{name}.yaml"
    for data in _objects(files, retired.history.path.parent / file):
        yield Manifest(retired.folder / file, data, is_kept=True)


def _objects(files: FileTree, path: PurePosixPath) -> tuple[JsonObject, ...]:
    content = files.get(path)
    if content is None:
        raise _MissingError(f"{path.name} is missing from its folder")
    documents = read_documents(content, path)
    if documents.findings:
        raise _MissingError(f"{path.name}: {documents.findings[0].what}")
    return tuple(document.data for document in documents.value)
