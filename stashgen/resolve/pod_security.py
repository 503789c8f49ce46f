"""Whether a namespace's Pod Security level lets the Jobs run (Kubernetes, Pod Security Standards).

Checked at compile time, because at run time the API server rejects the pod and not the Job: the Job
then waits for a pod that never starts.
"""

from collections.abc import Iterator

from stashgen.api.namespace import POD_SECURITY_LEVELS
from stashgen.diagnostics import Finding, Outcome, quote
from stashgen.kubestash.pods.settings import ROOT
from stashgen.model.inventory import Inventory
from stashgen.model.resolved import Protection, ResolvedStorage
from stashgen.model.source import Origin, PolicySet
from stashgen.policy.shared import Job
from stashgen.resolve.findings import Code, finding

LEVEL_LABEL = "pod-security.kubernetes.io/enforce"
_BASELINE, _RESTRICTED = "baseline", "restricted"
_USER = ("runAs", "user")


def allowed(
    policies: PolicySet, inventory: Inventory, protections: tuple[Protection, ...]
) -> Outcome[tuple[Protection, ...]]:
    """The protections whose pods may run, and a finding for each policy or storage and namespace.

    A namespace without the label, or that is not in the inventory, has the cluster's level; one
    whose label names no level counts as restricted (Kubernetes, ``ParseLevel``).
    """
    good: list[Protection] = []
    findings: dict[tuple[str, str, str, str], Finding] = {}
    for protection in protections:
        key = protection.volume.key
        labels = inventory.namespace_labels.get((key.cluster_id, key.namespace), {})
        own = labels.get(LEVEL_LABEL)
        level = protection.cluster.pod_security if own is None else own
        level = level if level in POD_SECURITY_LEVELS else _RESTRICTED
        whose = f"of namespace {quote(key.namespace)}"
        if own is None:
            whose = f"of cluster {quote(protection.cluster.name)}, where namespace "
            whose += f"{quote(key.namespace)} has no label,"
        refusals = tuple(_refusals(policies, protection, level))
        if not refusals:
            good.append(protection)
        for origin, what, why in refusals:
            found = finding(
                Code.POD_SECURITY,
                origin,
                f"Pod Security level {quote(level)} {whose} rejects {what}",
                why=why,
                fix=f"set job.runAs.user to the user that owns the files, or allow root in the "
                f"namespace's label {LEVEL_LABEL}"
                if origin.path[-1] == "user"
                else "use a persistentVolumeClaim, or a namespace with another level",
                related=(protection.volume.position,),
            )
            findings.setdefault((found.subject, key.cluster_id, key.namespace, what), found)
    return Outcome(tuple(good), tuple(findings.values()))


_Refusal = tuple[Origin, str, str]


def _refusals(policies: PolicySet, protection: Protection, level: str) -> Iterator[_Refusal]:
    if level not in {_BASELINE, _RESTRICTED}:
        return
    if _is_root(protection.job.value):
        why = (
            "backups as root need the capability DAC_READ_SEARCH, which this level forbids"
            if level == _BASELINE
            else "this level allows no pod to run as root, so no backup or restore could run"
        )
        yield protection.job.origin(*_USER), "the Jobs, which run as root", why
    storages = {
        copy.storage.name: copy.storage for item in protection.sessions for copy in item.copies
    }
    for storage in storages.values():
        backend = policies.storages[storage.name].at("spec", "backend", storage.provider)
        yield from _refusals_of_storage(backend, storage, level)


def _refusals_of_storage(
    backend: Origin, storage: ResolvedStorage, level: str
) -> Iterator[_Refusal]:
    name = f"storage {quote(storage.name)}"
    if level == _RESTRICTED and _is_root(storage.job.value):
        why = "this level allows no pod to run as root, so the storage could not be initialised"
        yield storage.job.origin(*_USER), f"the Jobs of {name}, which run as root", why
    forbidden = {"hostPath", *({"nfs"} if level == _RESTRICTED else ())}
    for source in sorted(forbidden & storage.block.keys()):
        why = f"this level forbids volumes of type {source}, so every Job of the storage"
        what = f"the Jobs of {name}, which mount {source}"
        yield backend.at(source), what, f"{why} would fail"


def _is_root(job: Job) -> bool:
    return job.ids[0] == ROOT
