"""The tests of a real cluster, which `make e2e` starts before them."""

import fcntl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest
from xdist import is_xdist_worker

from stashgen.api.strict_mode import JOBS_POLICY, JOBS_ROLE, WRITES_POLICY
from tests.cluster.installation import DEPLOY, apply_controllers, install
from tests.cluster.kube import Kube
from tests.cluster.once import Once
from tests.cluster.protected import Protected
from tests.support.gateway import Gateway
from tools.cluster.layout import HOST_ADDRESS
from tools.go.build import cache_folder

# What all the others asked for is looked at after them; then the cluster is taken down.
_LAST = ("test_permissions.py", "test_rebuilt_cluster.py", "test_lifecycle.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that need what others did, or end it for them, come after those."""
    items.sort(key=lambda item: _LAST.index(item.path.name) if item.path.name in _LAST else -1)


_LOCK = pytest.StashKey[IO[str]]()


def pytest_sessionstart(session: pytest.Session) -> None:
    """One run after the other: a machine has one such cluster, and a test takes it down.

    The processes of a run have it together.
    """
    if not is_xdist_worker(session):
        session.config.stash[_LOCK] = (cache_folder() / "cluster-tests.lock").open("w")
        fcntl.flock(session.config.stash[_LOCK], fcntl.LOCK_EX)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The next run may begin."""
    if _LOCK in session.config.stash:
        session.config.stash[_LOCK].close()


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Once:
    """What the processes of a run need once; the first one does it, the others wait."""
    own = tmp_path_factory.getbasetemp()
    return Once(own if worker_id == "master" else own.parent)


@pytest.fixture(scope="session")
def kube(once: Once) -> Kube:
    """The cluster, started if it does not run yet."""
    running = Kube()
    once("up", lambda: running.cluster("up"))
    return running


@pytest.fixture(scope="session")
def installed(kube: Kube, once: Once) -> None:
    """Both controllers run in their own image."""
    once("install", lambda: install(kube))


@pytest.fixture(scope="module")
def strict_mode(kube: Kube, installed: None) -> Iterator[None]:
    """The controllers run in strict mode; at the end everything is as it was before."""
    del installed
    apply_controllers(kube, DEPLOY / "strict")
    try:
        yield
    finally:
        for kind in ("validatingadmissionpolicy", "validatingadmissionpolicybinding"):
            for name in kube.kubectl("get", kind, "--output=name").split():
                if JOBS_POLICY in name or WRITES_POLICY in name:
                    kube.kubectl("delete", name)
        apply_controllers(kube, DEPLOY)
        kube.kubectl("delete", "clusterrole", JOBS_ROLE)


@pytest.fixture(scope="session")
def gateway(kube: Kube, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """An S3 server that pods reach, with a bucket."""
    # The link to the node, whose address it has, comes with the cluster.
    assert kube.layout.exists()
    started = Gateway(tmp_path_factory.mktemp("s3"), HOST_ADDRESS)
    started.start()
    started.make_users_and_bucket()
    yield started
    started.stop()


@pytest.fixture(scope="session")
def protected(
    request: pytest.FixtureRequest,
    kube: Kube,
    gateway: Gateway,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Protected]:
    """A volume whose initial backup is in the bucket; a failed session is tried again once."""
    request.getfixturevalue("installed")
    with fresh_namespace(kube) as name:
        found = Protected(kube, gateway, name, tmp_path_factory.mktemp("project"))
        found.prepare()
        yield found


@pytest.fixture
def namespace(kube: Kube) -> Iterator[str]:
    """A fresh namespace in which only pods under PodSecurity ``restricted`` run."""
    with fresh_namespace(kube) as name:
        yield name


@contextmanager
def fresh_namespace(kube: Kube) -> Iterator[str]:
    """A namespace, which goes after the block."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    make_namespace(kube, name)
    yield name
    kube.kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


def make_namespace(kube: Kube, name: str) -> None:
    """A namespace in which only pods under PodSecurity ``restricted`` run, ready for them."""
    kube.kubectl("create", "namespace", name)
    kube.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    # The API server refuses pods until the controller manager has made their account.
    account = ["get", "serviceaccounts", f"--namespace={name}", "--output=name"]
    kube.wait_until(lambda: "serviceaccount/default" in kube.kubectl(*account))
