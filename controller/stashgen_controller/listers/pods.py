"""Pods that worked on a repository and are gone: a lock that one of them left is nobody's."""

from collections.abc import Iterator, Mapping
from typing import cast

from stashgen.api.base import JsonObject, mapping_of
from stashgen.api.pod import Pod
from stashgen.api.resources import BACKUP_SESSIONS, PODS, RESTORE_SESSIONS, SNAPSHOTS
from stashgen_controller.runtime.kind import Reader

# A lock that is older than half an hour is stale by restic's own rule, and an annotation has room
# for so many names only.
MOST_PODS = 20
_OVER = frozenset({"Succeeded", "Failed", "Invalid", "Applied", "FailedToApply"})


def terminated_pods(reader: Reader, namespace: str, repository: str) -> tuple[str, ...]:
    """Names of pods that backed up to, restored from or tidied a Repository and are gone.

    Newest first. A pod counts only if its run is recorded as over, too: a cache that is behind
    may not know a pod yet that is at work.
    """
    found = {
        pod: created
        for created, pod in _recorded(reader, namespace, repository)
        if is_gone(reader, namespace, pod)
    }
    newest = sorted(found, key=lambda pod: (found[pod], pod), reverse=True)
    return tuple(newest[:MOST_PODS])


def _recorded(reader: Reader, namespace: str, repository: str) -> Iterator[tuple[str, str]]:
    """When the record was made and the pod's name; of runs that are over."""
    snapshots = set()
    for obj in reader.items(SNAPSHOTS, namespace):
        if mapping_of(obj, "spec").get("repository") == repository:
            snapshots.add(mapping_of(obj, "metadata")["name"])
            yield from _pod_of(obj, mapping_of(obj, "status"))
    for obj in reader.items(BACKUP_SESSIONS, namespace):
        applied = mapping_of(obj, "status").get("retentionPolicy") or []
        for entry in cast("list[JsonObject]", applied):
            if entry.get("repository") == repository:
                yield from _pod_of(obj, entry)
    for obj in reader.items(RESTORE_SESSIONS, namespace):
        source = mapping_of(mapping_of(obj, "spec"), "dataSource")
        if source.get("repository") == repository or source.get("snapshot") in snapshots:
            yield from _pod_of(obj, mapping_of(obj, "status"))


def _pod_of(obj: JsonObject, record: JsonObject) -> Iterator[tuple[str, str]]:
    pod = mapping_of(record, "executor").get("pod")
    if pod and record.get("phase") in _OVER:
        created = cast("Mapping[str, str]", obj["metadata"]).get("creationTimestamp", "")
        yield created, str(pod)


def is_gone(reader: Reader, namespace: str, name: str) -> bool:
    """Whether nothing of a pod runs any more."""
    found = reader.get(PODS, namespace, name)
    return found is None or Pod.from_wire(found).has_ended
