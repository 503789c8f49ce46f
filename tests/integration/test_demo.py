"""The demo, whole; and that it does not claim what is not so."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.demo import stories
from tools.demo.cluster import Cluster
from tools.demo.proofs import STEPS, prove

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    running = Cluster(tmp_path / "cluster")
    yield running
    running.stop()


def test_demo_proves_all_steps_compiled_and_plain() -> None:
    done = subprocess.run(
        ["make", "demo"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "21 of 21 steps proved" in lines
    assert lines[-1] == "21 of 21 steps proved, compiled and plain"
    assert "NOT PROVED" not in done.stdout


def test_step_that_is_not_so_is_named_and_not_counted(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    stories.install(cluster, print)
    scene = stories.plain(cluster, print)
    (scene.bucket / "metadata.yaml").unlink()
    (scene.bucket / scene.directory / "repository.yaml").write_text("kind: Other\n")
    capsys.readouterr()
    assert prove(scene) == len(STEPS) - 2
    lost = [line for line in capsys.readouterr().out.splitlines() if "NOT PROVED" in line]
    assert [line.split()[0] for line in lost] == ["B3", "B7"]
