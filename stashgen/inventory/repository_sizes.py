"""What the Repositories of an inventory say of their size: ``kubectl get repositories -o yaml``."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from stashgen.api.repository import Repository
from stashgen.inventory.objects import Object, list_at, map_at, objects_of, text_at
from stashgen.kubestash.quantities import parse_size
from stashgen.model.source import Source
from stashgen.yaml.nodes import Json


@dataclass(frozen=True, slots=True)
class RepositorySize:
    """A Repository's status, as it was when somebody wrote it down.

    Attributes:
        stored_bytes: What the repository takes in its storage; None where it is not known.
        newest_bytes: The size of the newest good snapshot, by session.
    """

    stored_bytes: int | None
    newest_bytes: Mapping[str, int]


def repository_sizes(source: Source) -> dict[tuple[str, str, str], RepositorySize]:
    """By cluster id, namespace and name; only of those whose status says anything of a size."""
    kind = Repository.resource.kind
    found: dict[tuple[str, str, str], RepositorySize] = {}
    for cluster, documents in source.manifests.items():
        for document in documents:
            for item in objects_of(document):
                if item.kind != kind or item.group != "storage.kubestash.com":
                    continue
                size = _size(item)
                if size.stored_bytes is not None or size.newest_bytes:
                    found[cluster, item.namespace or "", item.name] = size
    return found


def _size(item: Object) -> RepositorySize:
    status = map_at(item.data, "status")
    newest: dict[str, tuple[str, int]] = {}
    for session, time, size in _recent(list_at(status, "recentSnapshots")):
        if session not in newest or newest[session][0] < time:
            newest[session] = (time, size)
    return RepositorySize(
        _bytes(text_at(status, "size")), {name: size for name, (_, size) in newest.items()}
    )


def _recent(snapshots: Iterable[Json]) -> Iterator[tuple[str, str, int]]:
    """Session, time and size of the good ones."""
    for one in snapshots:
        if isinstance(one, dict) and one.get("phase") == "Succeeded":
            size = _bytes(text_at(one, "size"))
            if size is not None:
                # As Kubernetes writes times, they are in order as texts.
                yield text_at(one, "session"), text_at(one, "snapshotTime"), size


def _bytes(text: str) -> int | None:
    try:
        return parse_size(text)
    except ValueError:
        return None
