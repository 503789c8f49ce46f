"""etcd is restored from an older state: what was done stays done, the bucket fills in the rest."""

from datetime import timedelta

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.labels import RESYNC_ANNOTATION
from stashgen.api.restore_session import RestoredBefore
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from tests.support import manifests
from tests.support.faults import fault
from tests.support.harness import Harness, good_worker, name_of

_REPOSITORY = "local-k3f9q"


def test_what_the_older_state_does_not_know_is_read_back_and_nothing_is_restored_again(
    harness: Harness,
) -> None:
    for obj in manifests.one_volume("demo"):
        harness.apply(obj)
    harness.settle(work=good_worker)
    harness.advance(timedelta(hours=1))
    harness.apply(manifests.restore("demo", "back", repository=_REPOSITORY))
    job = harness.run_until(Verb.RESTORE)
    harness.start_pod(job, {"phase": "Running"})
    harness.settle()
    older = harness.get(known.RESTORE_SESSIONS, "demo", "back")
    older_job = harness.get(known.JOBS, "demo", name_of(job))
    harness.finish(job, good_worker(harness, job, plan_of(job)))
    harness.settle(work=good_worker)
    assert harness.status(known.RESTORE_SESSIONS, "demo", "back")["phase"] == "Succeeded"
    harness.advance(timedelta(minutes=10))
    session = harness.trigger("backup", "library")
    harness.settle(work=good_worker)
    names = harness.names(known.SNAPSHOTS, "demo")

    # The older state: the restore runs, the last backup was not made.
    harness.delete(known.BACKUP_SESSIONS, "demo", session)
    harness.delete(known.SNAPSHOTS, "demo", f"{_REPOSITORY}-{session}")
    for resource, obj in ((known.RESTORE_SESSIONS, older), (known.JOBS, older_job)):
        status: JsonObject = {"status": None}
        harness.client.patch(resource, "demo", name_of(obj), status, status=True)
        status = {"status": obj.get("status") or {}}
        harness.client.patch(resource, "demo", name_of(obj), status, status=True)
    for pod in harness.names(known.PODS, "demo"):
        if pod.startswith(name_of(job)):
            harness.client.delete(known.PODS, "demo", pod)
    asked: JsonObject = {"metadata": {"annotations": {RESYNC_ANNOTATION: "2026-03-01"}}}
    harness.client.patch(known.REPOSITORIES, "demo", _REPOSITORY, asked)
    harness.look_at_everything()
    harness.settle()

    # Its pod comes back, too, and finds what the first one recorded in the bucket.
    assert plan_of(job).session_uid
    before = RestoredBefore(
        time=harness.clock.now(), message="already restored; nothing was written this time"
    )
    result = good_worker(harness, job, plan_of(job))
    harness.finish(job, result.model_copy(update={"restored_before": before}))
    harness.settle(work=good_worker)
    harness.advance(timedelta(minutes=2))
    harness.settle(work=good_worker)
    restored = harness.status(known.RESTORE_SESSIONS, "demo", "back")
    assert restored["phase"] == "Succeeded"
    assert "nothing was written this time" in str(restored["restoredBefore"])
    assert harness.names(known.SNAPSHOTS, "demo") == names
    row = fault("etcd is restored from an older state")
    row.check([harness.status(known.REPOSITORIES, "demo", _REPOSITORY)])
