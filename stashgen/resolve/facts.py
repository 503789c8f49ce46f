"""The facts of a protected volume that rules are written over."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from stashgen.model.facts import CopyFacts, RuledVolume, VolumeFacts
from stashgen.model.resolved import Protection, ResolvedStorage
from stashgen.model.source import Origin
from stashgen.resolve.achieved import FURTHEST, Achieved, CopyRuns, achieved, copy_runs
from stashgen.resolve.schedules import schedule_origin


def ruled_volume(protection: Protection) -> RuledVolume:
    """What rules may ask of a volume, and which lines decide it."""
    found = achieved(protection)
    return RuledVolume(protection.volume, _facts(protection, found), _lines(protection, found))


def _facts(protection: Protection, found: Achieved) -> VolumeFacts:
    """Whatever does not run is worse than any rule allows."""
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


def _lines(protection: Protection, found: Achieved) -> Mapping[str, Origin]:
    if found.longest is None:
        why = protection.spec.at("paused")
        if not protection.paused:
            why = protection.sessions[0].origin.at("suspend")
        fields = ("rpo", "storage_rpo", "keep_for", "copies", "storages", "runs")
        return {**dict.fromkeys(fields, why), "policy": protection.spec}
    runs = [*copy_runs(protection)]
    most_often = min(runs, key=_recovery_point).session
    # Of each storage the run that comes most often counts, of the storages the one that has fewest.
    best: dict[str, CopyRuns] = {}
    for run in sorted(runs, key=_recovery_point):
        best.setdefault(run.copy.storage.name, run)
    least_often = max(best.values(), key=_recovery_point).session
    copies = most_often.origin.at("copies")
    return {
        "rpo": schedule_origin(most_often.written, most_often.origin),
        "storage_rpo": schedule_origin(least_often.written, least_often.origin),
        "keep_for": found.longest.copy.retention_origin,
        "copies": copies,
        "storages": copies,
        "runs": protection.spec,
        "policy": protection.spec,
    }


def _recovery_point(run: CopyRuns) -> timedelta:
    return run.promised.recovery_point


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
    region = storage.facts.region or storage.block.get("region")
    return CopyFacts(
        name=storage.name,
        provider=storage.provider,
        region=region if isinstance(region, str) else "",
        offsite=storage.facts.offsite,
        immutable=storage.facts.immutable,
        separate_prune_key=credentials is not None and credentials.value.per_verb is not None,
    )
