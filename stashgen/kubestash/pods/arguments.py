"""The command line of a worker's container."""

from collections.abc import Mapping, Sequence

from stashgen.api.addon import AddonTask
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.function import Function
from stashgen.api.repository import Repository
from stashgen.api.retention_policy import RetentionPolicySpec, SuccessfulSnapshots
from stashgen.api.shared import TaskReference
from stashgen.kubestash.addons import ON_UNREADABLE
from stashgen.kubestash.backends import FLAG_NAMES, required_backend
from stashgen.kubestash.variables import substitute
from stashgen.kubestash.verbs import Template

_PLACE = ("storage", "directory", "component")
# Passed to a worker whether or not the Function has a flag for it. How a storage is reached is
# left out where it says nothing.
ADDED = (*_PLACE, *FLAG_NAMES)


def place(repository: Repository, storage: BackupStorage, component: str) -> dict[str, str]:
    """The variables that say where a repository is and how its storage is reached.

    Raises:
        UnsupportedStorageError: for a provider that is not supported yet.
    """
    backend = required_backend(storage.spec.storage, storage.metadata.annotations)
    return {
        **backend.flags(),
        "namespace": repository.metadata.namespace or "",
        "storage": backend.url(),
        "directory": (repository.spec.path or "").strip("/"),
        "component": component,
    }


def function_args(
    function: Function, task: AddonTask, reference: TaskReference, variables: Mapping[str, str]
) -> tuple[str, ...]:
    """A Function's arguments resolved; a flag without a value is left out.

    A user's parameters override the Addon's defaults. Our own variables override both, so that a
    parameter with such a name cannot direct a worker to another storage or namespace. KubeStash's
    own catalogue has no flags for the location, nor for a parameter of ours: they are appended.
    """
    values = {
        parameter.name: parameter.default
        for parameter in task.parameters or ()
        if parameter.name and parameter.default
    }
    values |= {name: _text(value) for name, value in (reference.params or {}).items()}
    values |= {"taskName": task.name or ""} | dict(variables)
    resolved = [substitute(arg, values) for arg in function.spec.args or ()]
    kept = [
        arg
        for arg in resolved
        if not (arg.startswith("--") and arg.partition("=")[1:] == ("=", ""))
    ]
    given = {arg.partition("=")[0] for arg in kept}
    wanted = (*_PLACE, *(flag for flag in FLAG_NAMES if flag in variables))
    missing = (flag for flag in wanted if f"--{flag}" not in given)
    ours = values.get(ON_UNREADABLE) if "--on-unreadable" not in given else None
    return (
        *kept,
        *(f"--{flag}={variables[flag]}" for flag in missing),
        *((f"--on-unreadable={ours}",) if ours else ()),
    )


def init_storage_args(storage: BackupStorage) -> tuple[str, ...]:
    """What initialises a storage.

    Raises:
        UnsupportedStorageError: for a provider that is not supported yet.
    """
    backend = required_backend(storage.spec.storage, storage.metadata.annotations)
    return (
        Template.INIT_STORAGE.value,
        f"--storage={backend.url()}",
        *(f"--{flag}={value}" for flag, value in backend.flags().items()),
    )


def maintain_args(
    variables: Mapping[str, str],
    sessions: Sequence[str],
    retention: RetentionPolicySpec,
    read_percent: int,
) -> tuple[str, ...]:
    """What maintenance may do; the verb comes with the session.

    Args:
        variables: Of the place.
        sessions: Whose restic repositories it works on.
        retention: What it keeps of them.
        read_percent: How much of the stored data a check reads.
    """
    return (
        Template.MAINTAIN.value,
        "--verb=$(VERB)",
        *(f"--{flag}={variables[flag]}" for flag in ("namespace", *_PLACE)),
        *(f"--{flag}={variables[flag]}" for flag in FLAG_NAMES if flag in variables),
        f"--sessions={','.join(sessions)}",
        *_keep_flags(retention),
        *((f"--read-data={read_percent}",) if read_percent else ()),
    )


def _keep_flags(retention: RetentionPolicySpec) -> tuple[str, ...]:
    counts = retention.successful_snapshots or SuccessfulSnapshots()
    named = {
        "last": counts.last,
        "hourly": counts.hourly,
        "daily": counts.daily,
        "weekly": counts.weekly,
        "monthly": counts.monthly,
        "yearly": counts.yearly,
    }
    flags = [f"--keep-{name}={value}" for name, value in named.items() if value is not None]
    failed = retention.failed_snapshots
    flags.append(f"--keep-failed={1 if failed is None or failed.last is None else failed.last}")
    if retention.max_retention_period:
        flags.append(f"--max-retention-period={retention.max_retention_period}")
    return tuple(flags)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
