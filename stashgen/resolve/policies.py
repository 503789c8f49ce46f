"""A policy's settings, the same for all of its volumes."""

from collections.abc import Iterator
from dataclasses import dataclass

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.diagnostics import Finding, Outcome, quote
from stashgen.model.merged import Merged
from stashgen.model.source import Authored, Origin, PolicySet
from stashgen.policy.backup_policy import BackupPolicy, Copy, Session
from stashgen.policy.duration import parse_duration
from stashgen.policy.shared import Encryption, Job
from stashgen.policy.template import DEFAULT_DIRECTORY
from stashgen.resolve.findings import Code, finding
from stashgen.resolve.retention import retention_name, retention_of, with_defaults
from stashgen.resolve.settings import job_of_policy, key_of_copy


@dataclass(frozen=True, slots=True)
class CopyDraft:
    """A copy before the volume is known; ``directory`` is a template."""

    origin: Origin
    storage: str
    directory: str
    retention_name: str
    retention: RetentionPolicySpec
    retention_origin: Origin
    key: Merged[Encryption]


@dataclass(frozen=True, slots=True)
class SessionDraft:
    """A session before the volume is known."""

    origin: Origin
    session: Session
    timeout_seconds: int
    copies: tuple[CopyDraft, ...]


@dataclass(frozen=True, slots=True)
class PolicyDraft:
    """A policy before the volume is known, the project's defaults merged in."""

    policy: Authored[BackupPolicy]
    job: Merged[Job]
    sessions: tuple[SessionDraft, ...]


def draft(policies: PolicySet, policy: Authored[BackupPolicy]) -> Outcome[PolicyDraft]:
    """What a policy says; with error findings it must not be used."""
    sessions = tuple(
        _session(policies, policy, session, policy.at("spec", "sessions", index))
        for index, session in enumerate(policy.value.spec.sessions)
    )
    job = job_of_policy(policies.project, policy)
    return Outcome(PolicyDraft(policy, job, sessions), tuple(_shared_repositories(sessions)))


def _session(
    policies: PolicySet, policy: Authored[BackupPolicy], session: Session, origin: Origin
) -> SessionDraft:
    return SessionDraft(
        origin=origin,
        session=session,
        timeout_seconds=parse_duration(session.timeout),
        copies=tuple(
            _copy(policies, policy, copy, origin.at("copies", index))
            for index, copy in enumerate(session.copies)
        ),
    )


def _copy(
    policies: PolicySet, policy: Authored[BackupPolicy], copy: Copy, origin: Origin
) -> CopyDraft:
    if copy.keep is not None:
        retention = retention_of(copy.keep)
        name = retention_name(retention)
    else:
        name = copy.retention or ""
        retention = with_defaults(policies.retentions[name].value)
    return CopyDraft(
        origin=origin,
        storage=copy.storage,
        directory=copy.directory or DEFAULT_DIRECTORY,
        retention_name=name,
        retention=retention,
        retention_origin=origin.at("keep" if copy.keep is not None else "retention"),
        key=key_of_copy(policies.project, policy, copy, origin),
    )


def _shared_repositories(sessions: tuple[SessionDraft, ...]) -> Iterator[Finding]:
    """Copies of one storage and directory are one Repository, with one retention and one key."""
    first: dict[tuple[str, str], tuple[CopyDraft, SessionDraft]] = {}
    for session in sessions:
        for copy in session.copies:
            earlier, owner = first.setdefault((copy.storage, copy.directory), (copy, session))
            if earlier is copy:
                continue
            where = f"storage {quote(copy.storage)}, directory {quote(copy.directory)}"
            if owner is session:
                what, why = f"two copies write to {where}", "a second one protects nothing more"
                see = [earlier.origin]
            elif see := list(_differences(earlier, copy)):
                what = f"two sessions write to {where} with another retention or key"
                why = "they share one Repository, which has one retention and one key"
            else:
                continue
            yield finding(
                Code.SHARED_REPOSITORY,
                copy.origin,
                what,
                why=why,
                fix="make them equal, or give this one a directory of its own",
                related=[origin.position for origin in see],
            )


def _differences(earlier: CopyDraft, copy: CopyDraft) -> Iterator[Origin]:
    """Where two copies got what they must have in common and have not."""
    if earlier.retention != copy.retention:
        yield from (earlier.retention_origin, copy.retention_origin)
    if earlier.key.value != copy.key.value:
        yield from (item.key.origin("secretName") for item in (earlier, copy))
