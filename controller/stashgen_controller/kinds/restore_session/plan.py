"""What a RestoreSession works on once it begins, and the Job that does it."""

from datetime import datetime

from stashgen.api.base import JsonObject
from stashgen.api.labels import REPOSITORY_LABEL
from stashgen.api.restore_session import RestoreInEffect, RestoreSessionStatus
from stashgen.api.snapshot import Snapshot
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import job_manifest, owner_of
from stashgen_controller.kinds.restore_session.observe import Observed
from stashgen_controller.protocol.run_spec import RunSpec


def in_effect(seen: Observed) -> RestoreInEffect:
    """What a restore that begins works on from now on."""
    return seen.status.in_effect or RestoreInEffect(
        target=seen.claim,
        repository=seen.repository.metadata.name if seen.repository is not None else "",
        snapshot=seen.snapshot.metadata.name if seen.snapshot is not None else "",
        spec_digest=seen.restore.spec.digest(),
    )


def in_effect_since_before(seen: Observed, status: RestoreSessionStatus) -> RestoreInEffect | None:
    """The same of one that is under way: a version that did not record it may have begun it.

    None where it is not known any more; then its spec says what it works on.
    """
    names = (item.name for item in status.dependencies or () if item.kind == "Snapshot")
    # ``latest`` may be another one by now.
    snapshot = next(names, None)
    if status.in_effect is not None or seen.repository is None or not snapshot:
        return status.in_effect
    return RestoreInEffect(
        target=seen.claim,
        repository=seen.repository.metadata.name,
        snapshot=snapshot,
        spec_digest=seen.restore.spec.digest(),
    )


def restore_plan(seen: Observed, status: RestoreSessionStatus) -> RunSpec:
    """What its worker is asked to do."""
    return RunSpec(
        verb=Verb.RESTORE,
        deadline=status.restore_deadline,
        cluster_uid=seen.cluster_uid or "",
        claim_uid=seen.claim_uid,
        snapshot=_for_plan(seen.snapshot_object),
        restore_session=seen.restore.metadata.name,
        session_uid=seen.restore.metadata.uid,
        order=seen.order,
        adopt=seen.is_in_place,
        terminated_pods=seen.terminated_pods,
    )


def restore_job(seen: Observed, template: JsonObject, plan: RunSpec, now: datetime) -> JsonObject:
    """The Job that carries that."""
    repository = seen.repository.metadata.name if seen.repository is not None else ""
    return job_manifest(
        name=seen.restore.metadata.name,
        owner=owner_of(seen.restore),
        template=template,
        plan=plan,
        labels={REPOSITORY_LABEL: repository},
        now=now,
    )


def _for_plan(snapshot: JsonObject | None) -> JsonObject | None:
    """The Snapshot with its components: the restic ids are what is restored."""
    if snapshot is None:
        return None
    model = Snapshot.from_wire(snapshot)
    components = model.status.components if model.status else None
    return {
        "metadata": {"name": model.metadata.name, "namespace": model.metadata.namespace},
        "spec": model.spec.to_wire(),
        "status": {"components": {key: item.to_wire() for key, item in (components or {}).items()}},
    }
