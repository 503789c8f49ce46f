"""Of several controllers one acts at a time, whatever is done to them."""

import itertools
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stashgen.api.resources import LEASES
from stashgen_controller.kube.client import Client
from tests.integration.controller_process.conftest import Start
from tests.support.processes import Cluster, Controller, prepare, wait_until

# Short where the others have to wait until it is over, else longer than anything that is done.
SHORT = ("--leader-elect", "--lease-duration=3")
LONG_SECONDS = 20
LONG = ("--leader-elect", f"--lease-duration={LONG_SECONDS}")
_MOST_SECONDS = 300
# What is done to them, and how many have led by then.
_BLOWS = 20
_LEADERS = 5
_ROOT = Path(__file__).resolve().parents[3]


def _terms(folder: Path) -> list[tuple[float, float, str]]:
    """When each candidate led, from first to last, in the order of their beginnings."""
    journals = {path.name: list(_led(path)) for path in folder.glob("candidate-*")}
    return sorted((min(found), max(found), name) for name, found in journals.items() if found)


def _led(path: Path) -> Iterator[float]:
    """The times at which a candidate led."""
    # The last line may be half written.
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.endswith("\n"):
            yield float(line.partition(" ")[0])


def test_two_candidates_never_lead_at_the_same_time(cluster: Cluster, tmp_path: Path) -> None:
    """Candidates are paused, resumed and killed at random, and new ones come."""
    dice = random.Random(20260301)
    candidates: dict[str, subprocess.Popen[bytes]] = {}
    names = iter(f"candidate-{number}" for number in range(1000))

    def begin() -> None:
        name = next(names)
        module = "tests.integration.controller_process.candidate"
        command = [sys.executable, "-m", module, cluster.server.url, name, str(tmp_path / name)]
        candidates[name] = subprocess.Popen(command, cwd=_ROOT, stderr=subprocess.DEVNULL)

    try:
        for _ in range(3):
            begin()
        deadline = time.monotonic() + _MOST_SECONDS
        for blow in itertools.count():
            if blow >= _BLOWS and len(_terms(tmp_path)) >= _LEADERS:
                break
            assert time.monotonic() < deadline, _terms(tmp_path)
            time.sleep(dice.uniform(0.2, 0.8))
            name = dice.choice(sorted(candidates))
            process = candidates[name]
            if dice.random() < 0.2:
                process.kill()
            else:
                process.send_signal(signal.SIGSTOP)
                time.sleep(dice.uniform(0.3, 2.0))
                process.send_signal(signal.SIGCONT)
            for ended in [key for key, item in candidates.items() if item.poll() is not None]:
                del candidates[ended]
            while len(candidates) < 3:
                begin()
    finally:
        for process in candidates.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()

    for (_, end, former), (begin_of_next, _, latter) in itertools.pairwise(_terms(tmp_path)):
        assert end < begin_of_next, f"{former} led until {end}, {latter} from {begin_of_next}"


def test_standby_waits_with_full_caches_and_follows_at_once(start: Start) -> None:
    first = start("first", *LONG)
    wait_until(lambda: first.said("leading"), "the first does not lead")
    second = start("second", *LONG)
    wait_until(lambda: second.get("/readyz") == (200, "ok\n"), "the standby is not ready")
    assert second.get("/healthz") == (200, "ok\n")
    assert (first.metric("stashgen_leader"), second.metric("stashgen_leader")) == (1, 0)

    before = time.monotonic()
    first.process.terminate()
    assert first.ended() == 0
    wait_until(lambda: second.said("leading"), "the standby does not follow")
    # It did not have to wait until the Lease expired.
    assert time.monotonic() - before < LONG_SECONDS
    assert first.said("let go of the Lease")


def test_leader_that_was_paused_writes_nothing_more_and_ends(
    cluster: Cluster, start: Start
) -> None:
    first = start("first", *SHORT)
    wait_until(lambda: first.said("leading"), "the first does not lead")
    second = start("second", *SHORT)
    assert first.port != second.port, "both have begun"
    first.process.send_signal(signal.SIGSTOP)
    wait_until(lambda: second.said("leading"), "nobody follows a leader that is silent")
    holder = cluster.client.get(LEASES, "stashgen-system", "stashgen-controller")
    first.process.send_signal(signal.SIGCONT)
    assert first.ended() == 1
    assert first.said("no longer leading")
    now = cluster.client.get(LEASES, "stashgen-system", "stashgen-controller")
    assert _identity(now) == _identity(holder)
    assert not first.said("let go of the Lease")


def test_leader_that_hangs_in_a_request_ends_all_the_same(tmp_path: Path) -> None:
    module = "stashgen_controller.embedded"
    command = [sys.executable, "-m", module, "--state", str(tmp_path), "--control-plane-only"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            client = Client.for_url(server.stdout.readline().strip())
            prepare(client)
            leader = Controller(tmp_path / "kubeconfig", tmp_path, "leader", *SHORT)
            try:
                wait_until(lambda: leader.said("leading"), "it does not lead")
                # The server's sockets stay open, and nobody answers.
                server.send_signal(signal.SIGSTOP)
                assert leader.ended() == 1
                assert leader.said("no longer leading")
            finally:
                leader.end()
        finally:
            server.kill()


@pytest.mark.parametrize("seconds", ["2", "x", "-5"])
def test_too_short_a_lease_is_refused(start: Start, seconds: str) -> None:
    controller = start("controller", f"--lease-duration={seconds}")
    assert controller.ended() == 2
    assert "at least 3" in controller.log.read_text(encoding="utf-8")


def _identity(lease: object) -> object:
    assert isinstance(lease, dict)
    return lease["spec"]["holderIdentity"]
