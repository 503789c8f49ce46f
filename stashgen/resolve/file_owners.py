"""Whether the Jobs that write to a storage on a volume can write to each other's folders."""

from collections.abc import Iterable, Iterator

from stashgen.diagnostics import Finding, Severity, quote
from stashgen.kubestash.pods.settings import NOBODY
from stashgen.model.resolved import Protection, ResolvedStorage
from stashgen.policy.shared import Job
from stashgen.resolve.findings import Code, finding


def other_users(protections: Iterable[Protection]) -> Iterator[Finding]:
    """A warning for each storage on a volume that Jobs of several users write to.

    Files of one user cannot be changed by another (Linux, path_resolution(7)), nor by root without
    its capabilities. A common group is assumed to be deliberate, and a bucket has no users.
    """
    reported = set()
    for protection in protections:
        for session in protection.sessions:
            for copy in session.copies:
                storage = copy.storage
                theirs, ours = _user(storage.job.value), _user(protection.job.value)
                about = (storage.name, protection.policy)
                if storage.backend.bucket or about in reported or theirs[0] == ours[0]:
                    continue
                reported.add(about)
                if theirs[1] != ours[1]:
                    yield _finding(storage, protection, theirs[0], ours[0])


def _user(job: Job) -> tuple[int, int]:
    """User and group of a Job's pod, as rendered."""
    user = job.run_as.user if job.run_as is not None else NOBODY
    group = job.run_as.group if job.run_as is not None else None
    return user, user if group is None else group


def _finding(storage: ResolvedStorage, protection: Protection, theirs: int, ours: int) -> Finding:
    return finding(
        Code.OTHER_USER,
        storage.job.origin("runAs", "user"),
        f"storage {quote(storage.name)} is initialised by user {theirs}, but policy "
        f"{quote(protection.policy)} writes to it as user {ours}",
        why="on a volume neither user can write to the other's folders; this fails at run time "
        "(EACCES) unless the volume lets everyone write",
        fix="set the same job.runAs for both, or a common group that may write there",
        related=(protection.job.origin("runAs", "user").position,),
        severity=Severity.WARNING,
    )
