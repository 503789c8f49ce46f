"""The objects that a retired history keeps, taken from its file in the previous output.

The policy and the claim may no longer exist, so the objects that were reviewed and applied are kept
as they were: the Repository, and the pods that restore from it and maintain it. The same input and
output folder give the same bytes, and the file written here becomes its own record.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import cast

from stashgen.api.base import JsonObject, mapping_of, metadata_of
from stashgen.api.labels import RETIRED_ANNOTATION, pod_template_annotation
from stashgen.diagnostics import Finding, Outcome
from stashgen.kubestash.pods.templates import template_name
from stashgen.kubestash.verbs import REPOSITORY_TEMPLATES, Template
from stashgen.model.history import Previous, RetiredHistory
from stashgen.model.manifest import FileTree, Manifest, Record, secret_file
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
    """The manifests of retired histories, and of storages and Secrets that only they still need.

    Args:
        resolved: What is retired, and which storages and Secrets are used anyway.
        before: The folders that contain its histories.
    """
    folders = {previous.root: previous.files for previous in before}
    rendered = {
        (PurePosixPath(storage.cluster.name, storage.namespace), storage.name)
        for storage in resolved.storages
    }
    supplied = set(_secrets(resolved))
    made: list[Manifest] = []
    findings: list[Finding] = []
    for one in resolved.retired:
        files = folders[one.history.root]
        try:
            kept = _Kept(one, _objects(files, one.history.path))
            made += kept.manifests()
            secrets = [kept.encryption]
            if (one.folder, kept.storage) not in rendered:
                storage = [*_beside(one, f"_storage-{kept.storage}.yaml", files)]
                secrets += [_secret_of(item.data) for item in storage]
                made += storage
                rendered.add((one.folder, kept.storage))
            for secret in secrets:
                name = secret_file(secret)
                has_source = _is_listed(name, one.history.path.parent, files)
                if has_source and (one.folder, secret) not in supplied:
                    made += _beside(one, name, files)
                    supplied.add((one.folder, secret))
        except _MissingError as error:
            findings.append(damaged(one.history.position, str(error)))
    return Outcome(tuple(made), tuple(findings))


class _Kept:
    """The objects of one file that are kept.

    Attributes:
        storage: The name of the BackupStorage that the Repository is in.
        encryption: The name of the Secret with its key.
    """

    def __init__(self, retired: RetiredHistory, objects: Iterable[JsonObject]) -> None:
        self._retired = retired
        self._objects = {(str(one["kind"]), metadata_of(one).get("name")): one for one in objects}
        self._repository = self._find("Repository", retired.history.repository)
        spec = cast("Mapping[str, JsonObject]", self._repository.get("spec") or {})
        self.storage = str((spec.get("storageRef") or {}).get("name"))
        self.encryption = str((spec.get("encryptionSecret") or {}).get("name"))

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


def _secrets(resolved: Resolved) -> Iterator[tuple[PurePosixPath, str]]:
    """The Secrets whose source the policies decide, with their folders."""
    for protection in resolved.protections:
        folder = PurePosixPath(protection.cluster.name, protection.volume.key.namespace)
        for session in protection.sessions:
            for copy in session.copies:
                yield folder, copy.encryption.value.secret_name
                credentials = copy.storage.credentials
                if credentials is not None and credentials.value.secret is not None:
                    yield folder, credentials.value.secret.secret_name


def _secret_of(storage: JsonObject) -> str:
    """The Secret with a BackupStorage's keys; empty for other objects and without a Secret."""
    backend = mapping_of(mapping_of(storage, "spec"), "storage")
    return str(mapping_of(backend, str(backend.get("provider"))).get("secretName") or "")


def _is_listed(file: str, folder: PurePosixPath, files: FileTree) -> bool:
    """Whether a folder has a file, or had it: its kustomization still lists a lost one."""
    if folder / file in files:
        return True
    content = files.get(folder / "kustomization.yaml", b"")
    documents = read_documents(content, folder / "kustomization.yaml").value
    return any(
        file in one
        for document in documents
        if isinstance(one := document.data.get("resources"), list)
    )


def _beside(retired: RetiredHistory, file: str, files: FileTree) -> Iterator[Manifest]:
    """A file of the history's folder as it was."""
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
