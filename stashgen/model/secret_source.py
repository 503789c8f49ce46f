"""What brings a Secret into a namespace."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from stashgen.diagnostics import Position


@dataclass(frozen=True, slots=True)
class SecretSource:
    """What brings a Secret.

    Attributes:
        secret: The Secret's name.
        text: What it is, for people.
        position: Where it is written; None for what is rendered.
        survives: The values outlive the cluster with nothing but what is in Git and in a store.
    """

    secret: str
    text: str
    position: Position | None = None
    survives: bool = True


# By cluster id, namespace and Secret; an empty namespace where it is set when it is applied.
SecretSources = Mapping[tuple[str, str, str], SecretSource]


def source_of(
    sources: SecretSources, cluster_id: str, namespace: str, secret: str
) -> SecretSource | None:
    """What brings a Secret, or may bring it: its namespace is not known."""
    found = sources.get((cluster_id, namespace, secret))
    if found is None and (elsewhere := sources.get((cluster_id, "", secret))) is not None:
        return replace(elsewhere, text=f"{elsewhere.text}, if it is applied to this namespace")
    return found
