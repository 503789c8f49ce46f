"""What a policy says once for all of its volumes."""

from collections.abc import Iterator
from dataclasses import dataclass

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.diagnostics import Finding, Outcome, quote
from stashgen.model.source import Authored, PolicySet
from stashgen.policy.backup_policy import BackupPolicy, Copy, Session
from stashgen.policy.duration import parse_duration
from stashgen.policy.project import Defaults
from stashgen.policy.shared import Job
from stashgen.policy.template import DEFAULT_DIRECTORY
from stashgen.resolve.findings import Code, Path, finding
from stashgen.resolve.job_settings import merge
from stashgen.resolve.retention import retention_name, retention_of, with_defaults


@dataclass(frozen=True, slots=True)
class CopyDraft:
    """A copy before the volume is known; ``directory`` is a template."""

    path: Path
    storage: str
    directory: str
    retention_name: str
    retention: RetentionPolicySpec
    secret_name: str


@dataclass(frozen=True, slots=True)
class SessionDraft:
    """A session before the volume is known."""

    path: Path
    session: Session
    timeout_seconds: int
    copies: tuple[CopyDraft, ...]


@dataclass(frozen=True, slots=True)
class PolicyDraft:
    """A policy before the volume is known, the project's defaults merged in."""

    policy: Authored[BackupPolicy]
    job: Job
    sessions: tuple[SessionDraft, ...]


def draft(policies: PolicySet, policy: Authored[BackupPolicy]) -> Outcome[PolicyDraft]:
    """What a policy says; with error findings it must not be used."""
    defaults = policies.project.value.spec.defaults or Defaults()
    sessions = tuple(
        SessionDraft(
            path=("spec", "sessions", index),
            session=session,
            timeout_seconds=parse_duration(session.timeout),
            copies=tuple(
                _copy(policies, policy, copy, ("spec", "sessions", index, "copies", number))
                for number, copy in enumerate(session.copies)
            ),
        )
        for index, session in enumerate(policy.value.spec.sessions)
    )
    job = merge(defaults.job, policy.value.spec.job)
    findings = tuple(_shared_repositories(policy, sessions))
    return Outcome(PolicyDraft(policy, job, sessions), findings)


def _copy(policies: PolicySet, policy: Authored[BackupPolicy], copy: Copy, path: Path) -> CopyDraft:
    defaults = policies.project.value.spec.defaults or Defaults()
    key = copy.encryption or policy.value.spec.encryption or defaults.encryption
    if key is None:
        raise ValueError(f"{policy.document.subject(*path)} has no encryption key")
    if copy.keep is not None:
        retention = retention_of(copy.keep)
        name = retention_name(retention)
    else:
        name = copy.retention or ""
        retention = with_defaults(policies.retentions[name].value)
    return CopyDraft(
        path=path,
        storage=copy.storage,
        directory=copy.directory or DEFAULT_DIRECTORY,
        retention_name=name,
        retention=retention,
        secret_name=key.secret_name,
    )


def _shared_repositories(
    policy: Authored[BackupPolicy], sessions: tuple[SessionDraft, ...]
) -> Iterator[Finding]:
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
            elif earlier.retention != copy.retention or earlier.secret_name != copy.secret_name:
                what = f"two sessions write to {where} with another retention or key"
                why = "they share one Repository, which has one retention and one key"
            else:
                continue
            yield finding(
                Code.SHARED_REPOSITORY,
                policy.document,
                copy.path,
                what,
                why=why,
                fix="make them equal, or give this one a directory of its own",
                related=(policy.document.position(*earlier.path),),
            )
