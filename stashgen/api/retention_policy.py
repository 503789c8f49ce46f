"""RetentionPolicy: how many snapshots are kept (storage.kubestash.com/v1alpha1)."""

from typing import ClassVar, Literal

from pydantic import Field

from stashgen.api.base import Bool, Int, Model
from stashgen.api.meta import Kind
from stashgen.api.resources import RETENTION_POLICIES, Resource
from stashgen.api.shared import UsagePolicy


class SuccessfulSnapshots(Model):
    """Keep counts among succeeded snapshots."""

    last: Int | None = None
    hourly: Int | None = None
    daily: Int | None = None
    weekly: Int | None = None
    monthly: Int | None = None
    yearly: Int | None = None


# The names of the counts, in the order in which people read them.
COUNTS = tuple(SuccessfulSnapshots.model_fields)


class FailedSnapshots(Model):
    """Keep count among failed snapshots."""

    last: Int | None = Field(default=None, json_schema_extra={"default": 1})


class RetentionPolicySpec(Model):
    """What is kept."""

    max_retention_period: str | None = None
    successful_snapshots: SuccessfulSnapshots | None = None
    failed_snapshots: FailedSnapshots | None = None
    usage_policy: UsagePolicy | None = None
    default: Bool | None = None


class RetentionPolicy(Kind):
    """How many snapshots are kept."""

    resource: ClassVar[Resource] = RETENTION_POLICIES
    api_version: Literal["storage.kubestash.com/v1alpha1"] = "storage.kubestash.com/v1alpha1"
    kind: Literal["RetentionPolicy"] = "RetentionPolicy"
    spec: RetentionPolicySpec = RetentionPolicySpec()
