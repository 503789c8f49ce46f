"""Copies that would be written where a retired history is kept."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject, name_of
from stashgen.api.repository import Repository
from stashgen.diagnostics import Finding, Severity, quote
from stashgen.kubestash.backends import backend_of
from stashgen.kubestash.backends.backend import Backend
from stashgen.model.history import History, RetiredHistory
from stashgen.model.inventory import VolumeKey
from stashgen.model.manifest import Manifest
from stashgen.model.resolved import Resolved, place_of
from stashgen.model.source import Origin
from stashgen.output.damage import Code, damaged

_Place = tuple[str, str, str]


def retired_places(resolved: Resolved, kept: Iterable[Manifest]) -> Iterator[Finding]:
    """An error for each copy in the place of a retired history, which has a name of its own.

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
            places[_place(one, objects, backends)] = one.history
        except ValueError:
            yield damaged(one.history.position, "its Repository or BackupStorage is not readable")
    for protection in resolved.protections if places else ():
        for session in protection.sessions:
            for copy in session.copies:
                history = places.get(copy.storage.place(copy.directory))
                if history is not None and history.repository != copy.repository:
                    yield _finding(protection.volume.key, copy.origin.at("storage"), history)


def _place(
    retired: RetiredHistory,
    objects: Mapping[tuple[PurePosixPath, str, str], JsonObject],
    backends: Mapping[tuple[PurePosixPath, str], Backend],
) -> _Place:
    """The place of a retired history.

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
    return place_of(backend, key.cluster_id, key.namespace, spec.path or "")


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
