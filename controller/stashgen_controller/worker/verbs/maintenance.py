"""What the reviewed command line of a maintenance pod lets it do."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from stashgen.api.retention_policy import (
    COUNTS,
    FailedSnapshots,
    RetentionPolicySpec,
    SuccessfulSnapshots,
)
from stashgen.kubestash import layout
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker.verbs.arguments import add_repository, items


@dataclass(frozen=True, slots=True)
class MaintainOrder:
    """The reviewed arguments.

    Attributes:
        sessions: Whose restic repositories it is about.
        keep: What retention keeps of them.
        read_percent: How much of the stored data a check reads; 0 for none of it.
    """

    component: str
    sessions: Sequence[str]
    keep: RetentionPolicySpec
    read_percent: int = 0

    @property
    def paths(self) -> tuple[str, ...]:
        """The component paths, one a session."""
        return tuple(layout.component_path(name, self.component) for name in self.sessions)


def add_arguments(parser: ArgumentParser) -> None:
    """Which sessions' repositories, what retention keeps, and what a check reads."""
    add_repository(parser)
    parser.add_argument("--sessions", required=True, type=items)
    for name in COUNTS:
        parser.add_argument(f"--keep-{name}", type=int)
    parser.add_argument("--keep-failed", type=int, default=1)
    parser.add_argument("--max-retention-period")
    parser.add_argument("--read-data", type=int, default=0, choices=range(101), metavar="PERCENT")


def subject(plan: RunSpec) -> Mapping[str, str]:
    """Nothing but the repository, which the command line says."""
    del plan
    return {}


def order_of(args: Namespace) -> MaintainOrder:
    """The order that the arguments give."""
    counts = {name: getattr(args, f"keep_{name}") for name in COUNTS}
    any_count = any(value is not None for value in counts.values())
    keep = RetentionPolicySpec(
        max_retention_period=args.max_retention_period,
        successful_snapshots=SuccessfulSnapshots(**counts) if any_count else None,
        failed_snapshots=FailedSnapshots(last=args.keep_failed),
    )
    return MaintainOrder(args.component, args.sessions, keep, args.read_data)
