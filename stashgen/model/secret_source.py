"""What brings a Secret into a namespace."""

from collections.abc import Mapping
from dataclasses import dataclass

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


# By cluster id, namespace and Secret.
SecretSources = Mapping[tuple[str, str, str], SecretSource]
