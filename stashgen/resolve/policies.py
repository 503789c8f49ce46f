"""A policy's settings, the same for all of its volumes."""

from collections.abc import Iterator
from dataclasses import dataclass

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.diagnostics import Finding, Outcome, quote
from stashgen.kubestash.upkeep import Upkeep
from stashgen.model.merged import Merged
from stashgen.model.source import Authored, Origin, PolicySet
from stashgen.policy.backup_policy import BackupPolicy, Copy, Session
from stashgen.policy.duration import parse_duration
from stashgen.policy.shared import Encryption, Job
from stashgen.policy.template import DEFAULT_DIRECTORY, DIRECTORY_IN_NAMESPACE
from stashgen.resolve.findings import Code, finding
from stashgen.resolve.retention import retention_name, retention_of, with_defaults
from stashgen.resolve.settings import job_of_policy, key_of_copy, upkeep_of_policy


@dataclass(frozen=True, slots=True)
class EffectiveCopy:
    """A copy with all settings, independent of the volume; ``directory`` is a template."""

    origin: Origin
    storage: str
    directory: str
    retention_name: str
    retention: RetentionPolicySpec
    retention_origin: Origin
    key: Merged[Encryption]


@dataclass(frozen=True, slots=True)
class EffectiveSession:
    """A session with all settings, independent of the volume.

    Attributes:
        paths: Without slashes at either end; the top of the volume is ``.``.
        exclude: The policy's patterns and the session's.
    """

    origin: Origin
    session: Session
    timeout_seconds: int
    copies: tuple[EffectiveCopy, ...]
    paths: tuple[str, ...]
    exclude: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EffectivePolicy:
    """A policy with the project's defaults merged in, independent of the volume."""

    policy: Authored[BackupPolicy]
    job: Merged[Job]
    sessions: tuple[EffectiveSession, ...]
    upkeep: Upkeep


def effective_policy(
    policies: PolicySet, policy: Authored[BackupPolicy]
) -> Outcome[EffectivePolicy]:
    """A policy's settings; the value must not be used if there are error findings."""
    sessions = tuple(
        _session(policies, policy, session, policy.at("spec", "sessions", index))
        for index, session in enumerate(policy.value.spec.sessions)
    )
    job = job_of_policy(policies.project, policy)
    upkeep = upkeep_of_policy(policies.project, policy)
    effective = EffectivePolicy(policy, job, sessions, upkeep)
    return Outcome(effective, tuple(_shared_repositories(sessions)))


def _session(
    policies: PolicySet, policy: Authored[BackupPolicy], session: Session, origin: Origin
) -> EffectiveSession:
    return EffectiveSession(
        origin=origin,
        session=session,
        timeout_seconds=parse_duration(session.timeout),
        copies=tuple(
            _copy(policies, policy, copy, origin.at("copies", index))
            for index, copy in enumerate(session.copies)
        ),
        paths=tuple(path.strip("/") or "." for path in session.paths),
        exclude=tuple(dict.fromkeys((*policy.value.spec.exclude, *session.exclude))),
    )


def _copy(
    policies: PolicySet, policy: Authored[BackupPolicy], copy: Copy, origin: Origin
) -> EffectiveCopy:
    if copy.keep is not None:
        retention = retention_of(copy.keep)
        name = retention_name(retention)
    else:
        name = copy.retention or ""
        retention = with_defaults(policies.retentions[name].value)
    is_everywhere = policies.storages[copy.storage].value.spec.namespace is None
    return EffectiveCopy(
        origin=origin,
        storage=copy.storage,
        directory=copy.directory
        or (DIRECTORY_IN_NAMESPACE if is_everywhere else DEFAULT_DIRECTORY),
        retention_name=name,
        retention=retention,
        retention_origin=origin.at("keep" if copy.keep is not None else "retention"),
        key=key_of_copy(policies.project, policy, copy, origin),
    )


def _shared_repositories(sessions: tuple[EffectiveSession, ...]) -> Iterator[Finding]:
    """Copies in the same storage and directory share a Repository, its retention and its key."""
    first: dict[tuple[str, str], tuple[EffectiveCopy, EffectiveSession]] = {}
    for session in sessions:
        for copy in session.copies:
            earlier, owner = first.setdefault((copy.storage, copy.directory), (copy, session))
            if earlier is copy:
                continue
            where = f"storage {quote(copy.storage)}, directory {quote(copy.directory)}"
            if owner is session:
                what = f"two copies write to {where}"
                why = "a second copy in the same place adds no protection"
                see = [earlier.origin]
            elif see := list(_differences(earlier, copy)):
                what = f"two sessions write to {where} with different retention or keys"
                why = "they share one Repository, which has one retention and one key"
            elif see := list(_different_files(owner, session)):
                what = f"two sessions write different files to {where}"
                why = "they share one Repository, which has one reviewed pod that backs up into it"
            else:
                continue
            yield finding(
                Code.SHARED_REPOSITORY,
                copy.origin,
                what,
                why=why,
                fix="make them equal, or give this one its own directory",
                related=[origin.position for origin in see],
            )


def _different_files(earlier: EffectiveSession, later: EffectiveSession) -> Iterator[Origin]:
    """Where two sessions say what they back up, if that is not the same."""
    for field in ("paths", "exclude"):
        if {*getattr(earlier, field)} != {*getattr(later, field)}:
            yield from (earlier.origin.at(field), later.origin.at(field))


def _differences(earlier: EffectiveCopy, copy: EffectiveCopy) -> Iterator[Origin]:
    """Where two copies got what they must have in common and have not."""
    if earlier.retention != copy.retention:
        yield from (earlier.retention_origin, copy.retention_origin)
    if earlier.key.value != copy.key.value:
        yield from (item.key.origin("secretName") for item in (earlier, copy))
