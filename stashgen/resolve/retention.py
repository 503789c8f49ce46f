"""RetentionPolicies from ``keep`` blocks, and the names that describe them."""

import re

from stashgen.api.meta import ObjectMeta
from stashgen.api.retention_policy import (
    COUNTS,
    FailedSnapshots,
    RetentionPolicy,
    RetentionPolicySpec,
    SuccessfulSnapshots,
)
from stashgen.kubestash.defaults import with_retention_defaults
from stashgen.kubestash.names import cut_with_hash
from stashgen.policy.shared import Keep

_FAILED = 1


def retention_of(keep: Keep) -> RetentionPolicySpec:
    """The RetentionPolicy of a ``keep`` block, every default written out."""
    counts = {name: value for name in COUNTS if (value := getattr(keep, name)) is not None}
    return with_defaults(
        RetentionPolicySpec(
            max_retention_period=keep.max_age,
            successful_snapshots=SuccessfulSnapshots.model_validate(counts) if counts else None,
            failed_snapshots=FailedSnapshots(last=keep.failed),
        )
    )


def with_defaults(spec: RetentionPolicySpec) -> RetentionPolicySpec:
    """A RetentionPolicy as rendered: nothing is left to a webhook."""
    policy = RetentionPolicy(metadata=ObjectMeta(name="retention"), spec=spec)
    filled = with_retention_defaults(policy).spec
    return filled.model_copy(update={"default": bool(spec.default)})


def retention_name(spec: RetentionPolicySpec) -> str:
    """A name that describes what is kept: ``keep-daily14-weekly8``; a long one ends in a hash."""
    counts = spec.successful_snapshots or SuccessfulSnapshots()
    parts = ["keep"]
    parts += [
        f"{name}{_count(value)}" for name in COUNTS if (value := getattr(counts, name)) is not None
    ]
    if spec.max_retention_period:
        parts.append(f"maxage{re.sub('[^a-z0-9]', '', spec.max_retention_period)}")
    failed = spec.failed_snapshots
    if failed is not None and failed.last not in {None, _FAILED}:
        parts.append(f"failed{_count(failed.last or 0)}")
    return cut_with_hash("-".join(parts))


def _count(value: int) -> str:
    return "all" if value < 0 else str(value)
