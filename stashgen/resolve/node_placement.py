"""On which node a volume is backed up that only one node can mount at a time: its workload's."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from stashgen.diagnostics import Finding, Outcome, Severity, quote
from stashgen.model.inventory import Volume, Workload, volume_list
from stashgen.model.resolved import Beside, Protection
from stashgen.model.source import PolicySet
from stashgen.resolve.findings import Code, finding, in_cluster

_OF_SEVERAL_NODES = frozenset({"ReadWriteMany", "ReadOnlyMany"})
_ONE_NODE, _ONE_POD = "ReadWriteOnce", "ReadWriteOncePod"
# Their pods are seldom there.
_SHORT_LIVED = frozenset({"CronJob", "Job"})


def beside_workloads(
    policies: PolicySet, protections: Iterable[Protection]
) -> Outcome[tuple[Protection, ...]]:
    """The protections, each with the workload whose node its pods go to.

    Findings: a volume that only one pod may mount while its workload runs (error), or whose
    workload is not known (warning), and volumes of one node without a known workload (warning);
    each once for all volumes of a policy in a cluster.
    """
    made: list[Protection] = []
    # By what there is to say, by policy and cluster.
    groups: dict[tuple[Callable[..., Finding], str, str], list[Protection]] = {}
    for protection in protections:
        placed, about = _placed(protection)
        if about is not None:
            key = (about, protection.policy, protection.cluster.id)
            groups.setdefault(key, []).append(protection)
        made += [placed] if about is not _taken else []
    found = (about(policies, group) for (about, *_), group in groups.items())
    return Outcome(tuple(made), tuple(found))


def _placed(protection: Protection) -> tuple[Protection, Callable[..., Finding] | None]:
    """A protection with its workload, and what there is to say of it."""
    modes = {*protection.volume.access_modes}
    if modes & _OF_SEVERAL_NODES or not modes & {_ONE_NODE, _ONE_POD}:
        return protection, None
    workload = _workload(protection.volume)
    if _ONE_POD in modes and workload is not None and workload.is_running:
        return protection, _taken
    if workload is not None and workload.pod_labels:
        beside = Beside(workload.pod_labels, is_there=workload.is_running)
        return replace(protection, beside=beside), None
    if _ONE_POD in modes:
        return protection, _of_one_pod
    job = protection.job.value
    # Whoever sets a place, and be it an empty affinity, has decided.
    is_decided = job.affinity is not None or job.node_selector is not None
    return protection, None if is_decided else _alone


def _workload(volume: Volume) -> Workload | None:
    """The workload that holds the volume: one that runs, or else one that is scaled down."""
    lasting = [one for one in volume.workloads if one.kind not in _SHORT_LIVED]
    return min(lasting, key=lambda one: not one.is_running, default=None)


def _taken(policies: PolicySet, protections: list[Protection]) -> Finding:
    workload = _workload(protections[0].volume)
    named = f"{workload.kind} {quote(workload.name)}" if workload is not None else "a workload"
    return _finding(
        policies,
        Code.ONE_POD,
        protections,
        f"only one pod may mount {_volumes(policies, protections)}, and {named} does",
        "a claim with ReadWriteOncePod has one pod in the whole cluster: no backup could start "
        "while the workload runs",
        "re-create the claim on its PersistentVolume with ReadWriteOnce, which a second pod on the "
        "same node may mount, or exclude the volume",
    )


def _of_one_pod(policies: PolicySet, protections: list[Protection]) -> Finding:
    return _finding(
        policies,
        Code.ONE_POD,
        protections,
        f"only one pod may mount {_volumes(policies, protections)}",
        "a claim with ReadWriteOncePod has one pod in the whole cluster: no backup starts while "
        "another pod uses it, and the inventory has no workload that does",
        "re-create the claim on its PersistentVolume with ReadWriteOnce, which a second pod on the "
        "same node may mount, or exclude the volume",
        severity=Severity.WARNING,
    )


def _alone(policies: PolicySet, protections: list[Protection]) -> Finding:
    return _finding(
        policies,
        Code.NO_WORKLOAD,
        protections,
        f"the node for the backups of {_volumes(policies, protections)} is not known",
        "only one node can mount a claim with ReadWriteOnce, and no workload of the inventory "
        "mounts it: on another node than its pod's the backup waits for the volume and fails",
        "add the workload's manifest to the inventory; where any node will do, set job.affinity: "
        "{} in the policy",
        severity=Severity.WARNING,
    )


def _volumes(policies: PolicySet, protections: list[Protection]) -> str:
    where = in_cluster(policies.project.value, protections[0].cluster)
    return volume_list([protection.volume for protection in protections]) + where


def _finding(
    policies: PolicySet,
    code: Code,
    protections: list[Protection],
    what: str,
    why: str,
    fix: str,
    *,
    severity: Severity = Severity.ERROR,
) -> Finding:
    name = protections[0].policy
    policy = next(one for one in policies.policies if one.value.metadata.name == name)
    return finding(
        code,
        policy.at("spec", "select"),
        what,
        why=why,
        fix=fix,
        related=(protections[0].volume.position,),
        severity=severity,
    )
