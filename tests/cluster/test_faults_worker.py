"""A backup's worker ends before its work does, and sessions that come all at once."""

from datetime import UTC, datetime

from tests.cluster.kube import Kube
from tests.cluster.pod_processes import kill
from tests.cluster.protected import REQUESTS_OF_A_SESSION, Protected
from tests.support.faults import fault

_MANY = 100


def test_pod_is_deleted(protected: Protected, kube: Kube) -> None:
    held = protected.hold()
    kube.kubectl("delete", f"--namespace={protected.namespace}", "pod", held.pod, "--wait=false")
    protected.let_it_end(held.pod)
    protected.finish(held.name, "Failed")
    fault("The worker's pod is deleted").check(protected.told(held.name))
    _is_made_good(protected, held.name)


def test_worker_is_killed(protected: Protected, kube: Kube) -> None:
    held = protected.hold()
    kill(kube, protected.namespace, held.pod)
    protected.gateway.resume()
    protected.finish(held.name, "Failed")
    assert protected.locks(), "a worker that is killed leaves its lock"
    fault("The worker is killed").check(protected.told(held.name))
    _is_made_good(protected, held.name)


def test_job_is_deleted(protected: Protected, kube: Kube) -> None:
    held = protected.hold()
    job = protected.snapshot_of(held.name)
    kube.kubectl("delete", f"--namespace={protected.namespace}", "job", job, "--wait=false")
    protected.let_it_end(held.pod)
    protected.finish(held.name, "Failed")
    fault("Somebody deletes the running Job").check(protected.told(held.name))
    _is_made_good(protected, held.name)


def test_two_sessions_at_once(protected: Protected) -> None:
    first, second = protected.trigger(), protected.trigger()
    protected.finish(first)
    protected.finish(second, "Skipped")
    fault("Two sessions at once").check(protected.told(second))
    protected.assert_whole()


def test_many_sessions_at_once(protected: Protected) -> None:
    begin = datetime.now(UTC)
    triggered = [protected.trigger() for _ in range(_MANY)]
    run = []
    for name in triggered:
        phase = protected.finish(name, "Succeeded", "Skipped")["phase"]
        run += [name] if phase == "Succeeded" else []
    assert 1 <= len(run) < _MANY / 10
    made = [item for item in protected.requests(begin) if item.target == "jobs"]
    assert sum(item.verb == "create" for item in made) == 2 * len(run)
    # A status and an Event for each that is skipped, and nothing else for it.
    most = 2 * (_MANY - len(run)) + REQUESTS_OF_A_SESSION * len(run)
    assert len(protected.requests(begin)) <= most
    protected.assert_whole()


def _is_made_good(protected: Protected, failed: str) -> None:
    """The session that is made in its place does what it should, without a person."""
    again = protected.successor(failed)
    protected.finish(again)
    protected.assert_whole()
