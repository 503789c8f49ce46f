"""The facts of a protected volume that rules are written over."""

from collections.abc import Iterable, Iterator
from datetime import timedelta

from stashgen.model.facts import CopyFacts, VolumeFacts
from stashgen.model.resolved import Protection, ResolvedStorage
from stashgen.resolve.achieved import FURTHEST, achieved


def volume_facts(protection: Protection) -> VolumeFacts:
    """What rules may ask of a volume; whatever does not run is worse than any rule allows."""
    found = achieved(protection)
    key, cluster = protection.volume.key, protection.cluster
    return VolumeFacts(
        cluster=cluster.name,
        cluster_labels=cluster.labels or {},
        namespace=key.namespace,
        name=key.name,
        labels=protection.volume.labels,
        policy=protection.policy,
        runs=found.rpo is not None,
        rpo=FURTHEST if found.rpo is None else found.rpo,
        keep_for=timedelta() if found.keep_for is None else found.keep_for,
        copies=found.copies,
        storages=tuple(_copies(protection, found.storages)),
        storage_rpo=found.storages,
    )


def _copies(protection: Protection, names: Iterable[str]) -> Iterator[CopyFacts]:
    storages = {
        copy.storage.name: copy.storage
        for session in protection.sessions
        for copy in session.copies
    }
    for name in names:
        yield _copy(storages[name])


def _copy(storage: ResolvedStorage) -> CopyFacts:
    credentials = storage.credentials
    region = storage.block.get("region")
    return CopyFacts(
        name=storage.name,
        provider=storage.provider,
        region=region if isinstance(region, str) else "",
        separate_prune_key=credentials is not None and credentials.value.per_verb is not None,
    )
