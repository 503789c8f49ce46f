"""What people accept about single volumes: the entries of ``spec.acknowledge``, by volume."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from stashgen.api.labels import (
    ACCEPT_DAMAGE_ANNOTATION,
    ACCEPT_GAP_ANNOTATION,
    ACCEPT_PARTIAL_RESTORE_ANNOTATION,
    ACCEPT_SMALLER_ANNOTATION,
    ADOPT_ANNOTATION,
)
from stashgen.diagnostics import Finding, quote
from stashgen.model.inventory import Volume, VolumeKey
from stashgen.model.source import Authored, Path
from stashgen.policy.backup_policy import Acknowledgement, BackupPolicy
from stashgen.resolve.findings import Code, finding


def acknowledged(policy: BackupPolicy, volume: VolumeKey) -> Mapping[str, str]:
    """What a policy acknowledges about a volume, by the annotation that says it."""
    return {
        annotation: value
        for entry in policy.spec.acknowledge
        if _key(entry) == volume
        for annotation, value in _said(entry)
    }


def _said(entry: Acknowledgement) -> Iterator[tuple[str, str]]:
    annotations = {
        ADOPT_ANNOTATION: entry.adopt,
        ACCEPT_PARTIAL_RESTORE_ANNOTATION: entry.partial_restore,
        ACCEPT_SMALLER_ANNOTATION: entry.smaller,
        ACCEPT_GAP_ANNOTATION: entry.gap,
        ACCEPT_DAMAGE_ANNOTATION: entry.damage,
    }
    return ((annotation, value) for annotation, value in annotations.items() if value is not None)


def acknowledgement_findings(
    policies: Iterable[Authored[BackupPolicy]],
    selected: Iterable[tuple[Volume, Authored[BackupPolicy]]],
) -> Iterator[Finding]:
    """Entries about a volume that their policy does not protect, or that another entry is about."""
    protected: dict[str, set[VolumeKey]] = {}
    for volume, policy in selected:
        protected.setdefault(policy.value.metadata.name, set()).add(volume.key)
    for policy in policies:
        mine = protected.get(policy.value.metadata.name, set())
        seen: dict[tuple[VolumeKey, tuple[str, ...]], int] = {}
        for index, entry in enumerate(policy.value.spec.acknowledge):
            key = _key(entry)
            of = tuple(annotation for annotation, _ in _said(entry))
            first = seen.setdefault((key, of), index)
            if key not in mine:
                yield _not_protected(policy, index, entry, mine)
            elif first != index:
                yield _twice(policy, index, first, entry)


def _key(entry: Acknowledgement) -> VolumeKey:
    namespace, _, name = entry.volume.partition("/")
    return VolumeKey(entry.cluster, namespace, name)


def _path(index: int) -> Path:
    return ("spec", "acknowledge", index, "volume")


def _not_protected(
    policy: Authored[BackupPolicy], index: int, entry: Acknowledgement, mine: set[VolumeKey]
) -> Finding:
    known = sorted(f"{key.namespace}/{key.name}" for key in mine if key.cluster_id == entry.cluster)
    near = get_close_matches(entry.volume, known, n=1)
    return finding(
        Code.NOT_ACKNOWLEDGED,
        policy.at(*_path(index)),
        f"policy {quote(policy.value.metadata.name)} does not protect volume "
        f"{quote(entry.volume)} of cluster {quote(entry.cluster)}",
        why="it would have no effect, and what waits for it would keep waiting",
        fix=f"did you mean {quote(near[0])}?"
        if near
        else "move the entry to the policy that selects the volume, or delete it",
    )


def _twice(
    policy: Authored[BackupPolicy], index: int, first: int, entry: Acknowledgement
) -> Finding:
    return finding(
        Code.ACKNOWLEDGED_TWICE,
        policy.at(*_path(index)),
        f"volume {quote(entry.volume)} has two acknowledgements of one kind",
        why="at most one of them can be what the status of the volume waits for",
        fix="keep the one that the status names",
        related=(policy.at(*_path(first)).position,),
    )
