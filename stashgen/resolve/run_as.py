"""Whom the Jobs of a volume run as: fixed, or as the workload that mounts the volume."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from stashgen.diagnostics import Finding, Outcome, Severity, quote
from stashgen.kubestash.pods.settings import ROOT
from stashgen.model.inventory import ContainerUser, Workload, volume_list
from stashgen.model.merged import Merged
from stashgen.model.resolved import Protection
from stashgen.policy.project import Project
from stashgen.policy.shared import Job, RunAs
from stashgen.resolve.findings import Code, finding, in_cluster

# By the job as the policy has it (its id), the user and the group; each with what it was made of.
_Jobs = dict[tuple[int, int | None, int | None], tuple[Merged[Job], Merged[Job]]]


@dataclass(frozen=True, slots=True)
class _Owner:
    """The user who writes to a volume; the group of its files, if the kubelet sets it."""

    user: int
    group: int | None
    fs_group: int | None


@dataclass(frozen=True, slots=True)
class _Found:
    """One container that mounts a volume."""

    workload: Workload
    user: ContainerUser


def with_users(
    project: Project, protections: Iterable[Protection]
) -> Outcome[tuple[Protection, ...]]:
    """The protections with the user of their Jobs, without those for which there is none.

    Findings: workloads or containers that share a volume as different users (error, once for the
    volumes of one StatefulSet), and per policy the volumes of which no user is known, if the policy
    has no other one for them (error).
    """
    good: list[Protection] = []
    findings: dict[tuple[object, ...], Finding] = {}
    unknown: dict[tuple[str, str], list[Protection]] = {}
    # The job of a policy for one user is one object for all its volumes.
    jobs: _Jobs = {}
    for protection in protections:
        run_as = protection.job.value.run_as
        if run_as is None or run_as.from_ is None:
            good.append(protection)
            continue
        found = [
            _Found(workload, user)
            for workload in protection.volume.workloads
            for user in workload.users
        ]
        if len({(one.user.user, one.user.group) for one in found}) > 1:
            key = tuple((one.user.position, one.user.container) for one in found)
            findings.setdefault(key, _different(protection, found))
            continue
        owner = _owner(protection.volume.workloads, found)
        if owner is not None:
            good.append(_run_by(protection, owner, jobs))
        elif run_as.else_ is not None:
            good.append(
                _run_by(protection, _Owner(run_as.else_.user, run_as.else_.group, None), jobs)
            )
        else:
            key_of_policy = (protection.policy, protection.cluster.id)
            unknown.setdefault(key_of_policy, []).append(protection)
    about_users = (_unknown(project, group) for group in unknown.values())
    return Outcome(tuple(good), (*findings.values(), *about_users))


def cache_findings(protections: Iterable[Protection]) -> Iterator[Finding]:
    """Volumes for a cache that their Jobs could not write to, once for each policy.

    The root folder of a new volume belongs to root, and an fsGroup, which would change that, is
    never set for a backup: it would change the files of the volume that is backed up, too.
    """
    reported = set()
    for protection in protections:
        job = protection.job.value
        user, _ = job.ids
        has_volume = job.cache is not None and job.cache.storage_class is not None
        if has_volume and user != ROOT and protection.policy not in reported:
            reported.add(protection.policy)
            yield finding(
                Code.CACHE,
                protection.job.origin("cache", "storageClass"),
                f"user {user} cannot write to the volume for restic's cache",
                why="a new volume belongs to root, and the Jobs of "
                f"{volume_list([protection.volume])} run as another user",
                fix="leave out storageClass, so that the cache is an emptyDir, or run the Jobs as "
                "root",
                related=(protection.volume.position,),
            )


def _owner(workloads: tuple[Workload, ...], found: list[_Found]) -> _Owner | None:
    """The one user of all containers; None where it is not known."""
    if not found or found[0].user.user is None:
        return None
    groups = {one.fs_group for one in workloads}
    fs_group = groups.pop() if len(groups) == 1 else None
    group = found[0].user.group
    return _Owner(found[0].user.user, fs_group if group is None else group, fs_group)


def _run_by(protection: Protection, owner: _Owner, jobs: _Jobs) -> Protection:
    # Root may read and write whatever the group is.
    fs_group = owner.fs_group if owner.user != ROOT else None
    key = (id(protection.job), owner.user, owner.group)
    if key not in jobs:
        run_as = RunAs(user=owner.user, group=owner.group)
        changed = protection.job.value.model_copy(update={"run_as": run_as})
        jobs[key] = protection.job, replace(protection.job, value=changed)
    return replace(protection, job=jobs[key][1], fs_group=fs_group)


def _different(protection: Protection, found: list[_Found]) -> Finding:
    shown = [
        f"{one.user.container} of {one.workload.kind}/{one.workload.name} as {_shown(one.user)}"
        for one in found
    ]
    first, *others = dict.fromkeys(one.user.position for one in found)
    workload = found[0].workload
    return Finding(
        code=Code.SEVERAL_USERS,
        severity=Severity.ERROR,
        position=first,
        subject=f"{workload.kind}/{workload.name}",
        what=f"containers write to {volume_list([protection.volume])} as different users: "
        f"{', '.join(shown)}",
        why="runAs.from: workload takes the user who owns the files, and a Job runs as one user",
        fix="set runAsUser and runAsGroup alike for all of them, or a fixed job.runAs.user in the "
        "volume's policy (root reads every file)",
        related=(*others, protection.job.origin("runAs", "from").position),
    )


def _shown(user: ContainerUser) -> str:
    number = "its image's user" if user.user is None else f"user {user.user}"
    return number if user.group is None else f"{number}, group {user.group}"


def _unknown(project: Project, protections: list[Protection]) -> Finding:
    first = protections[0]
    volumes = volume_list([one.volume for one in protections]) + in_cluster(project, first.cluster)
    doubt = next((one.doubt for one in first.volume.workloads if one.doubt), "")
    why = "no workload of the inventory mounts it, and runAs has no else"
    if doubt:
        why = f"the users of the workload that mounts it are not certain ({doubt})"
    elif first.volume.workloads:
        why = _without_user(first.volume.workloads[0])
    return finding(
        Code.NO_USER,
        first.job.origin("runAs", "from"),
        f"the owner of the files of {volumes} is not known",
        why=why,
        fix="set runAs.else.user (0 reads every file where root is allowed), or add runAsUser to "
        "the workload's securityContext",
        related=(first.volume.position,),
    )


def _without_user(workload: Workload) -> str:
    """Why a workload that mounts a volume does not say whose its files are."""
    named = f"{workload.kind} {quote(workload.name)}"
    written = next((one.not_a_number for one in workload.users if one.not_a_number), "")
    if written:
        return f"{named} mounts it with runAsUser {quote(written)}, which is not a user's number"
    return f"{named} mounts it without runAsUser: its image has the user"
