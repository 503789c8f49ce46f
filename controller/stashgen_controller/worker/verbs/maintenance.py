"""What the reviewed command line of a maintenance pod lets it do."""

from collections.abc import Sequence
from dataclasses import dataclass

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.kubestash import layout


@dataclass(frozen=True, slots=True)
class MaintainOrder:
    """The reviewed arguments: which restic repositories, and what retention keeps."""

    component: str
    sessions: Sequence[str]
    keep: RetentionPolicySpec

    @property
    def paths(self) -> tuple[str, ...]:
        """The component paths, one a session."""
        return tuple(layout.component_path(name, self.component) for name in self.sessions)
