"""Where retired histories are kept: nothing else may be written there, and nothing moves away."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import cast

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject, list_of, mapping_of, name_of
from stashgen.api.repository import Repository
from stashgen.diagnostics import Finding, Position, Severity, quote
from stashgen.kubestash.backends import backend_of
from stashgen.kubestash.backends.backend import Backend
from stashgen.kubestash.pods.templates import template_name
from stashgen.kubestash.verbs import Template
from stashgen.model.history import History, RetiredHistory
from stashgen.model.inventory import VolumeKey
from stashgen.model.manifest import Manifest
from stashgen.model.resolved import Resolved, place_of
from stashgen.model.source import Origin
from stashgen.output.damage import Code, damaged

_Place = tuple[str, str, str]


def retired_places(resolved: Resolved, kept: Iterable[Manifest]) -> Iterator[Finding]:
    """An error for each copy or storage in the place of a retired one, which has a name of its own.

    And for each retired history whose pods, which stay as they were, would look elsewhere than the
    storage of their name is by now.

    A storage that is renamed, or that moves from one namespace to all, writes to the same folder
    again: ``prd1`` with ``shop/data`` is ``prd1/shop`` with ``data``. The API server takes both
    Repositories, and each would delete the other's records.

    Args:
        resolved: What is copied where, and what is retired.
        kept: The objects of retired histories and of the storages that only they need.
    """
    objects = {
        (manifest.path.parent, str(manifest.data["kind"]), name_of(manifest.data)): manifest.data
        for manifest in kept
    }
    backends = {
        (PurePosixPath(one.cluster.name, one.namespace), one.name): one.backend
        for one in resolved.storages
    }
    places: dict[_Place, History] = {}
    for one in resolved.retired:
        try:
            backend, place = _place(one, objects, backends)
        except ValueError:
            yield damaged(one.history.position, "its Repository or BackupStorage is not readable")
            continue
        places[place] = one.history
        if not _looks_there(one, objects, backend):
            yield _moved(one.history, backend)
    same = dict(_same_storages(resolved, objects))
    yield from same.values()
    for protection in resolved.protections if places else ():
        for session in protection.sessions:
            for copy in session.copies:
                history = places.get(copy.storage.place(copy.directory))
                is_said = copy.storage.key in same
                if history is not None and history.repository != copy.repository and not is_said:
                    yield _finding(protection.volume.key, copy.origin.at("storage"), history)


def _place(
    retired: RetiredHistory,
    objects: Mapping[tuple[PurePosixPath, str, str], JsonObject],
    backends: Mapping[tuple[PurePosixPath, str], Backend],
) -> tuple[Backend, _Place]:
    """The storage of a retired history, and its place there.

    Raises:
        ValueError: its objects are not what a build writes.
    """
    key, folder = retired.history.volume, retired.folder
    spec = Repository.from_wire(objects[folder, "Repository", retired.history.repository]).spec
    storage = spec.storage_ref.name if spec.storage_ref is not None else ""
    backend = backends.get((folder, storage))
    if backend is None and (found := objects.get((folder, "BackupStorage", storage))) is not None:
        backend = backend_of(BackupStorage.from_wire(found).spec.storage)
    if backend is None:
        raise ValueError(storage)
    return backend, place_of(backend, key.cluster_id, key.namespace, spec.path or "")


def _looks_there(
    retired: RetiredHistory,
    objects: Mapping[tuple[PurePosixPath, str, str], JsonObject],
    backend: Backend,
) -> bool:
    """Whether a retired history's pods look for it in the storage of its Repository."""
    name = template_name(Template.MAINTAIN, retired.history.repository)
    template = mapping_of(objects.get((retired.folder, "PodTemplate", name)) or {}, "template")
    args = [
        arg
        for container in list_of(mapping_of(template, "spec"), "containers")
        for arg in cast("list[str]", container.get("args") or [])
    ]
    return f"--storage={backend.url()}" in args


def _same_storages(
    resolved: Resolved, objects: Mapping[tuple[PurePosixPath, str, str], JsonObject]
) -> Iterator[tuple[tuple[str, str, str], Finding]]:
    """Storages in the place of one that only retired histories need, by key."""
    made = {
        (PurePosixPath(one.cluster.name, one.namespace), one.place()): one
        for one in resolved.storages
    }
    ids = {one.cluster.name: one.cluster.id for one in resolved.storages}
    folders = {one.folder: one.history.root / one.history.path.parent for one in resolved.retired}
    for (folder, kind, name), found in objects.items():
        if kind != "BackupStorage":
            continue
        backend = backend_of(BackupStorage.from_wire(found).spec.storage)
        if backend is None:
            continue
        place = place_of(backend, ids.get(folder.parent.name, ""), folder.name)
        other = made.get((folder, place))
        if other is not None and other.name != name:
            position = Position(folders[folder] / f"_storage-{name}.yaml")
            yield other.key, _same_storage(name, other.name, position)


def _same_storage(kept: str, made: str, position: Position) -> Finding:
    return Finding(
        Code.RETIRED_PLACE,
        Severity.ERROR,
        position,
        f"BackupStorage/{kept}",
        f"BackupStorage {quote(made)} would be in the same place as {quote(kept)}, which retired "
        "repositories still need",
        "the controller refuses two storages in one place, and nothing would be backed up",
        f"keep the name {quote(kept)}, or give the storage another prefix or subPath",
    )


def _moved(history: History, backend: Backend) -> Finding:
    return Finding(
        Code.MOVED,
        Severity.ERROR,
        history.position,
        "",
        f"the pods of the retired repository {quote(history.repository)} would not find it: the "
        f"storage of its name is {quote(backend.url())} now",
        "they are kept as they were reviewed, and look where the storage was before",
        "give the new storage another name, so that the retired one stays, or end the retired "
        "history first",
    )


def _finding(key: VolumeKey, origin: Origin, history: History) -> Finding:
    return Finding(
        Code.RETIRED_PLACE,
        Severity.ERROR,
        origin.position,
        origin.subject,
        f"the new history of volume {quote(f'{key.namespace}/{key.name}')} would be written where "
        f"the retired repository {quote(history.repository)} is",
        "two repositories in the same place overwrite each other's files and history",
        "give the storage another prefix or subPath, or the copy another directory",
        (history.position,),
    )
