"""The pass itself: every file of the output folder and the objects in it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.model.manifest import Manifest, Record
from stashgen.model.resolved import Protection, Resolved
from stashgen.policy.project import Cluster, Flux, Project
from stashgen.render.admission import admission_objects
from stashgen.render.annotations import without_substitution
from stashgen.render.classes import VolumeRenderer
from stashgen.render.external_secret import external_secrets
from stashgen.render.flux import flux_kustomization
from stashgen.render.namespace import identity_objects, namespace_objects
from stashgen.render.storage import backup_storage, storage_objects
from stashgen.render.strict import labelled, parts_of, strict_objects
from stashgen.yaml.marks import fill

KUSTOMIZATION = "kustomization.yaml"
_NAMESPACE = "_namespace.yaml"
# No namespace name starts with an underscore.
_OF_CLUSTER = "_cluster"
_FLUX = "_flux"
# A file name has at most 255 bytes, a claim's name 253.
_LONGEST_STEM = 200


def render(resolved: Resolved, kept: tuple[Manifest, ...] = ()) -> tuple[Manifest, ...]:
    """All objects with their files, relative to the output folder, sorted by file.

    ``<cluster>/<namespace>/`` has ``_namespace.yaml`` (what its volumes share),
    ``_storage-<name>.yaml``, ``_secret-<name>.yaml`` (an ExternalSecret), ``<volume>.yaml`` and
    ``_retired-<repository>.yaml``; a strict cluster also has ``_cluster/admission.yaml``, one that
    Flux applies ``_flux/<namespace>.yaml``. Each folder has a ``kustomization.yaml`` except the
    output folder itself, because two clusters are never applied together.

    Args:
        resolved: The resolved settings.
        kept: Objects of retired histories and of their storages.
    """
    made = _Files()
    rendered: dict[tuple[str, str, str], BackupStorage] = {}
    for storage in resolved.storages:
        data = backup_storage(storage)
        rendered[storage.key] = BackupStorage.model_validate(data)
        folder = PurePosixPath(storage.cluster.name, storage.namespace)
        made.objects[folder / f"_storage-{storage.name}.yaml"] += storage_objects(data, storage)
    volumes = VolumeRenderer(resolved.protections, lambda copy: rendered[copy.storage.key])
    for folder, protections in _by_folder(resolved.protections).items():
        _add_volumes(folder, protections, volumes, made)
    files = made.objects
    strict_clusters = {item.name for item in resolved.project.spec.clusters if item.strict}
    for manifest in kept:
        # Its restores run under the namespace's accounts, even if no volumes are left.
        folder = manifest.path.parent
        strict = folder.parts[0] in strict_clusters
        accounts = folder / _NAMESPACE
        files[accounts] = files[accounts] or [*namespace_objects(folder.name, {}, strict=strict)]
        files[manifest.path].append(manifest.data)
        if manifest.record is not None:
            made.records[manifest.path] = manifest.record
    _add_identities(files, strict_clusters)
    for cluster in strict_clusters:
        _make_strict(cluster, files)
    for item in resolved.project.spec.clusters:
        if item.flux is not None:
            _add_flux(resolved.project, item, item.flux, files)
    as_they_were = {manifest.path for manifest in kept if manifest.is_kept}
    return (*made.manifests(as_they_were), *_kustomizations(files))


@dataclass(slots=True)
class _Files:
    """What is rendered so far, by path below the output folder.

    Attributes:
        objects: Those of a volume have marks where it has values.
        records: The histories that a file holds.
        values: Of each volume; what is not a volume's has none.
    """

    objects: dict[PurePosixPath, list[JsonObject]] = field(
        default_factory=lambda: defaultdict(list)
    )
    records: dict[PurePosixPath, Record] = field(default_factory=dict)
    values: dict[PurePosixPath, tuple[str, ...]] = field(default_factory=dict)

    def manifests(self, kept: Set[PurePosixPath]) -> Iterator[Manifest]:
        """All objects, sorted by file."""
        for path, objects in sorted(self.objects.items()):
            record, values = self.records.get(path), self.values.get(path)
            for data in objects:
                # For volumes it is done, once for all of a class.
                content = without_substitution(data) if values is None else data
                yield Manifest(path, content, record, path in kept, values or ())


def _add_volumes(
    folder: PurePosixPath,
    protections: Sequence[Protection],
    volumes: VolumeRenderer,
    made: _Files,
) -> None:
    """Add the volumes of a namespace, and what they share there."""
    retentions = {
        copy.retention_name: copy.retention
        for protection in protections
        for session in protection.sessions
        for copy in session.copies
    }
    strict = protections[0].cluster.strict
    made.objects[folder / _NAMESPACE] += namespace_objects(folder.name, retentions, strict=strict)
    for protection in protections:
        path = folder / _file_name(protection)
        rendered = volumes.render(protection)
        made.records[path] = _record(protection)
        if strict:
            # Each pod is labelled with the object that has its review.
            made.objects[path] = [*fill(rendered.objects, rendered.values)]
        else:
            made.objects[path] = [*rendered.objects]
            made.values[path] = rendered.values
        if rendered.is_first:
            for name, secret in external_secrets(protection):
                made.objects[folder / name] = [secret]


def _add_identities(files: dict[PurePosixPath, list[JsonObject]], strict: Set[str]) -> None:
    """Add the accounts that pods have for a role; those of retired histories have theirs, too."""
    objects: dict[PurePosixPath, list[JsonObject]] = defaultdict(list)
    for path, listed in files.items():
        objects[path.parent] += listed
    for folder, listed in objects.items():
        identities = identity_objects(folder.name, listed, strict=folder.parts[0] in strict)
        if identities:
            files[folder / _NAMESPACE] += identities


def _make_strict(cluster: str, files: dict[PurePosixPath, list[JsonObject]]) -> None:
    """Add the admission policies, and to each namespace its reviewed pods."""
    files[PurePosixPath(cluster, _OF_CLUSTER, "admission.yaml")] += admission_objects()
    folders: dict[PurePosixPath, list[PurePosixPath]] = defaultdict(list)
    for path in [path for path in files if path.parts[0] == cluster]:
        folders[path.parent].append(path)
    for folder, paths in folders.items():
        parts = parts_of(item for path in paths for item in files[path])
        for path in paths:
            files[path] = [labelled(item, parts) for item in files[path]]
        reviewed = strict_objects(folder.name, [item for path in paths for item in files[path]])
        if reviewed:
            files[folder / _NAMESPACE] += reviewed


def _add_flux(
    project: Project, cluster: Cluster, flux: Flux, files: dict[PurePosixPath, list[JsonObject]]
) -> None:
    """Add the Kustomizations of a cluster's folders; they are applied by themselves."""
    of_cluster = {path.parent for path in files if path.parts[0] == cluster.name}
    output = PurePosixPath(flux.path or "", project.spec.output)
    for folder in sorted(of_cluster):
        path = PurePosixPath(cluster.name, _FLUX, f"{folder.name}.yaml")
        files[path] = [flux_kustomization(flux, output / folder, strict=cluster.strict)]


def _by_folder(protections: Iterable[Protection]) -> dict[PurePosixPath, list[Protection]]:
    folders: dict[PurePosixPath, list[Protection]] = defaultdict(list)
    for protection in protections:
        folder = PurePosixPath(protection.cluster.name, protection.volume.key.namespace)
        folders[folder].append(protection)
    return folders


def _record(protection: Protection) -> Record:
    """The record in the volume's file."""
    repositories = dict.fromkeys(
        copy.repository for session in protection.sessions for copy in session.copies
    )
    return Record(protection.volume.key, tuple(repositories))


def _file_name(protection: Protection) -> str:
    """The claim's name, unless it is too long or taken by another file."""
    name = f"{protection.volume.key.name}.yaml"
    if name == KUSTOMIZATION or len(name) > _LONGEST_STEM:
        return f"_volume-{protection.configuration}.yaml"
    return name


def _kustomizations(files: Iterable[PurePosixPath]) -> Iterator[Manifest]:
    """A kustomization for each folder, listing its files or folders.

    That of a cluster leaves out the Kustomizations of Flux, which apply the others.
    """
    entries: dict[PurePosixPath, set[str]] = defaultdict(set)
    for path in files:
        folder = path.parent
        entries[folder].add(path.name)
        if folder.name != _FLUX:
            entries[folder.parent].add(folder.name)
    for folder, resources in sorted(entries.items()):
        data: JsonObject = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [*sorted(resources)],
        }
        yield Manifest(folder / KUSTOMIZATION, data)
