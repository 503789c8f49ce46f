"""Which documents contribute to a setting, from the most general to the most specific."""

from datetime import timedelta

from stashgen.kubestash.upkeep import DEFAULT, Upkeep, percent
from stashgen.model.merged import Merged
from stashgen.model.source import Authored, Origin
from stashgen.policy.backup_policy import BackupPolicy, Copy
from stashgen.policy.duration import parse_duration
from stashgen.policy.project import Defaults, Project
from stashgen.policy.shared import Encryption, Job
from stashgen.policy.shared import Upkeep as UpkeepBlock
from stashgen.policy.storage import Credentials, Storage
from stashgen.resolve.merge import Layer, merge

# What a Job needs to read a volume does not apply to the Jobs of a storage.
_OF_VOLUMES = frozenset({"run_as", "resources", "cache", "nice", "ionice"})


def job_of_policy(project: Authored[Project], policy: Authored[BackupPolicy]) -> Merged[Job]:
    """How the Jobs of a policy's volumes run."""
    return merge(
        Job,
        Layer(_defaults(project).job, project.at("spec", "defaults", "job")),
        Layer(policy.value.spec.job, policy.at("spec", "job")),
    )


def job_of_storage(project: Authored[Project], storage: Authored[Storage]) -> Merged[Job]:
    """How a storage's own Jobs run."""
    return merge(
        Job,
        Layer(_defaults(project).job, project.at("spec", "defaults", "job"), _OF_VOLUMES),
        Layer(storage.value.spec.job, storage.at("spec", "job")),
    )


def credentials_of_storage(storage: Authored[Storage]) -> Merged[Credentials] | None:
    """How a storage is reached; None where nothing is needed for it."""
    written = storage.value.spec.credentials
    if written is None:
        return None
    return merge(Credentials, Layer(written, storage.at("spec", "credentials")))


def key_of_copy(
    project: Authored[Project], policy: Authored[BackupPolicy], copy: Copy, origin: Origin
) -> Merged[Encryption]:
    """The encryption key of the copy that the policy defines at ``origin``.

    The block is taken as a whole: a Secret's name and where it comes from belong together.
    """
    layers = (
        Layer(copy.encryption, origin.at("encryption")),
        Layer(policy.value.spec.encryption, policy.at("spec", "encryption")),
        Layer(_defaults(project).encryption, project.at("spec", "defaults", "encryption")),
    )
    return merge(Encryption, next(layer for layer in layers if layer.block is not None))


def upkeep_of_policy(project: Authored[Project], policy: Authored[BackupPolicy]) -> Upkeep:
    """When the repositories of a policy's volumes are checked and pruned."""
    written = merge(
        UpkeepBlock,
        Layer(_defaults(project).upkeep, project.at("spec", "defaults", "upkeep")),
        Layer(policy.value.spec.upkeep, policy.at("spec", "upkeep")),
    ).value
    check, prune = written.check, written.prune
    return Upkeep(
        check_every=_interval(check.every) if check else DEFAULT.check_every,
        prune_every=_interval(prune.every) if prune else DEFAULT.prune_every,
        read_percent=percent(check.read_data) if check and check.read_data else 0,
    )


def _interval(text: str) -> timedelta:
    return timedelta(seconds=parse_duration(text))


def _defaults(project: Authored[Project]) -> Defaults:
    return project.value.spec.defaults or Defaults()
