"""What rules about a volume are written over: flat facts, of one typed model.

Names and types are an API of the rules that people write: a field is added, never renamed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta

from pydantic.alias_generators import to_camel

from stashgen.model.inventory import Volume
from stashgen.model.source import Origin


@dataclass(frozen=True, slots=True)
class CopyFacts:
    """What is known of a storage that a volume is copied to.

    Attributes:
        name: The Storage's name.
        provider: ``s3`` or ``local``.
        region: What ``facts`` of the Storage say, or the backend; empty where neither names one.
        offsite, immutable: As ``facts`` of the Storage say.
        separate_prune_key: Retention and upkeep have credentials of their own.
    """

    name: str
    provider: str
    region: str
    offsite: bool
    immutable: bool
    separate_prune_key: bool


@dataclass(frozen=True, slots=True)
class VolumeFacts:
    """What is decided for a protected volume.

    Attributes:
        cluster: The cluster's name.
        cluster_labels: As the Project has them.
        policy: The name of the BackupPolicy that protects it.
        runs: Whether any backup runs: the policy is not paused, nor are all sessions suspended.
        rpo: The maximum age of the newest snapshot if every run succeeds; ten years if none runs.
        keep_for: The age that some snapshot always has after warm-up; zero if none runs.
        copies: In how many storages a snapshot meets the policy's ``objectives.rpo``; without one,
            in how many there is any.
        storages: Those that backups run to, sorted by name.
        storage_rpo: The maximum age of the newest snapshot in each of them, by name.
    """

    cluster: str
    cluster_labels: Mapping[str, str]
    namespace: str
    name: str
    labels: Mapping[str, str]
    policy: str
    runs: bool
    rpo: timedelta
    keep_for: timedelta
    copies: int
    storages: tuple[CopyFacts, ...]
    storage_rpo: Mapping[str, timedelta]


@dataclass(frozen=True, slots=True)
class RuledVolume:
    """A protected volume as rules judge it.

    Attributes:
        lines: Where facts are decided, by their field, the more telling first; those of the cluster
            and of the claim are not in it.
    """

    volume: Volume
    facts: VolumeFacts
    lines: Mapping[str, Origin]


def variable(field: str) -> str:
    """The name of a fact in an expression: ``volume.keepFor``."""
    return f"volume.{to_camel(field)}"


# What a message may contain.
MESSAGE_FACTS = frozenset(
    variable(one.name) for one in fields(VolumeFacts) if one.type in {str, bool, int, timedelta}
)
