"""Blocks shared by several of our kinds."""

from stashgen.api.base import Int, JsonObject, Model


class Metadata(Model):
    """Our kinds have only a name; the labels of rendered objects come from elsewhere."""

    name: str


class Encryption(Model):
    """The Secret with ``RESTIC_PASSWORD``, in each volume's namespace."""

    secret_name: str


class RunAs(Model):
    """The user of the backup and restore pods; ``from: workload`` is not supported yet."""

    user: Int
    group: Int | None = None


class Job(Model):
    """How Jobs run: merged field by field, from the most general to the most specific block."""

    image: str | None = None
    image_pull_policy: str | None = None
    run_as: RunAs | None = None
    resources: JsonObject | None = None
    node_selector: dict[str, str] | None = None
    tolerations: tuple[JsonObject, ...] | None = None
    priority_class_name: str | None = None
    image_pull_secrets: tuple[JsonObject, ...] | None = None


class Selector(Model):
    """Selects objects by name (shell patterns) and by label; an omitted part matches all."""

    names: tuple[str, ...] | None = None
    match_labels: dict[str, str] | None = None


class Keep(Model):
    """How many snapshots to keep, as restic counts them; ``failed`` defaults to 1."""

    last: Int | None = None
    hourly: Int | None = None
    daily: Int | None = None
    weekly: Int | None = None
    monthly: Int | None = None
    yearly: Int | None = None
    max_age: str | None = None
    failed: Int | None = None
