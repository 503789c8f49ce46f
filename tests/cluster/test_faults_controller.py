"""Controller or API server ends in the middle of a session; the next one goes on with it."""

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

import pytest

from stashgen.api import resources as known
from tests.cluster.installation import DEPLOY, SYSTEM, leader
from tests.cluster.kube import Kube
from tests.cluster.pod_processes import kill
from tests.cluster.protected import REQUESTS_OF_A_SESSION, Protected
from tests.support.faults import fault

pytestmark = pytest.mark.alone

# A write whose answer nobody read is looked at again, and one may be refused.
_REPEATED = 4
_QUIET_SECONDS = 3.0
_DEPLOYMENT = "deployment/stashgen-controller"
_SHORT = (
    '[{"op": "add", "path": "/spec/template/spec/containers/0/args/-",'
    ' "value": "--lease-duration=3"}]'
)
# When the leader is killed: the session's and its Snapshot's names -> whether it is so far.
_POINTS: Mapping[str, Callable[[Protected, str, str], object]] = {
    "the session is made": lambda volume, name, _: volume.has(known.BACKUP_SESSIONS, name),
    "its Snapshot is made": lambda volume, _, copy: volume.has(known.SNAPSHOTS, copy),
    "its Job is made": lambda volume, _, copy: volume.has(known.JOBS, copy),
    "its worker holds the lock": lambda volume, _, __: volume.locks(),
    "its worker has reported": lambda volume, name, _: (
        volume.status(known.BACKUP_SESSIONS, name).get("phase") == "Succeeded"
    ),
}


@pytest.fixture(scope="module", autouse=True)
def _short_lease(kube: Kube, protected: Protected) -> Iterator[None]:
    """A leader that is gone is waited for only as long as the shortest lease takes."""
    assert protected.namespace
    _roll_out(kube, "patch", _DEPLOYMENT, "--type=json", f"--patch={_SHORT}")
    yield
    kube.kubectl("apply", "--server-side", "--force-conflicts", f"--kustomize={DEPLOY}")
    _roll_out(kube, "rollout", "restart", _DEPLOYMENT)


@pytest.mark.parametrize("point", _POINTS)
def test_controller_is_killed(kube: Kube, protected: Protected, point: str) -> None:
    kube.wait_until(lambda: leader(kube))
    pod, repository, begin = leader(kube), protected.repository(), datetime.now(UTC)
    name = protected.trigger()
    is_so = _POINTS[point]
    protected.wait(lambda: is_so(protected, name, f"{repository}-{name}"), point, step=0.002)
    kill(kube, SYSTEM, pod)
    protected.finish(name)
    fault("The controller is killed").check(protected.told(name))
    protected.assert_whole()
    assert len(protected.requests(begin)) <= REQUESTS_OF_A_SESSION + _REPEATED


def test_leader_changes_during_a_backup_and_then_nobody_writes(
    kube: Kube, protected: Protected
) -> None:
    kube.wait_until(lambda: leader(kube))
    held = protected.hold()
    _next_leader(kube)
    protected.gateway.resume()
    protected.finish(held.name)
    fault("Another controller takes the lead").check(protected.told(held.name))
    protected.assert_whole()
    assert len(protected.requests(held.begin)) <= REQUESTS_OF_A_SESSION + _REPEATED

    # Each object is new to the next leader, and as it should be: no request follows from a look.
    begin = datetime.now(UTC)
    _next_leader(kube)
    time.sleep(_QUIET_SECONDS)
    assert protected.requests(begin) == []


def test_api_server_is_restarted_during_a_backup(kube: Kube, protected: Protected) -> None:
    held = protected.hold()
    kube.cluster("restart", "kube-apiserver")
    protected.connect()
    protected.gateway.resume()
    protected.finish(held.name)
    fault("The API server is restarted").check(protected.told(held.name))
    protected.assert_whole()
    assert len(protected.requests(held.begin)) <= REQUESTS_OF_A_SESSION + _REPEATED


def _next_leader(kube: Kube) -> None:
    """Delete the pod that leads, and wait for another one to do it."""
    before = leader(kube)
    kube.kubectl("delete", f"--namespace={SYSTEM}", "pod", before, "--wait=false")
    kube.wait_until(lambda: leader(kube) not in {"", before})


def _roll_out(kube: Kube, *change: str) -> None:
    kube.kubectl(f"--namespace={SYSTEM}", *change)
    kube.kubectl(f"--namespace={SYSTEM}", "rollout", "status", _DEPLOYMENT, "--timeout=180s")
