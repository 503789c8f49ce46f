"""The tests of a real cluster, which `make e2e` starts before them."""

import fcntl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster.installation import install
from tests.cluster.kube import Kube
from tools.go_tools import cache_folder

# What all the others asked for is looked at after them; then the cluster is taken down.
_LAST = ("test_permissions.py", "test_lifecycle.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that need what others did, or end it for them, come after those."""
    items.sort(key=lambda item: _LAST.index(item.path.name) if item.path.name in _LAST else -1)


@pytest.fixture(scope="session", autouse=True)
def _alone() -> Iterator[None]:
    """One run after the other: a machine has one such cluster, and a test takes it down."""
    with (cache_folder() / "cluster-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def kube() -> Kube:
    """The cluster, started if it does not run yet."""
    running = Kube()
    running.cluster("up")
    return running


@pytest.fixture(scope="session")
def installed(kube: Kube) -> None:
    """Both controllers run in their own image."""
    install(kube)


@pytest.fixture
def namespace(kube: Kube) -> Iterator[str]:
    """A fresh namespace in which only pods under PodSecurity ``restricted`` run."""
    with fresh_namespace(kube) as name:
        yield name


@contextmanager
def fresh_namespace(kube: Kube) -> Iterator[str]:
    """The same for as long as a test wants it."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    kube.kubectl("create", "namespace", name)
    kube.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    # The API server refuses pods until the controller manager has made their account.
    account = ["get", "serviceaccounts", f"--namespace={name}", "--output=name"]
    kube.wait_until(lambda: "serviceaccount/default" in kube.kubectl(*account))
    yield name
    kube.kubectl("delete", "namespace", name, "--wait=false")
