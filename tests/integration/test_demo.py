"""The demo, whole; and that it does not claim what is not so."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.acceptance import data
from tools.acceptance.steps import STEPS, prove
from tools.demo import variants
from tools.demo.cluster import Cluster

ROOT = Path(__file__).parents[2]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    running = Cluster(tmp_path / "cluster")
    yield running
    running.stop()


def test_demo_proves_all_steps_compiled_and_plain() -> None:
    done = subprocess.run(["make", "demo"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert "21 of 21 steps proved" in lines
    assert lines[-1] == "21 of 21 steps proved, compiled and plain"
    assert "NOT PROVED" not in done.stdout


def test_step_that_is_not_so_is_named_and_not_counted(
    cluster: Cluster, capsys: pytest.CaptureFixture[str]
) -> None:
    variants.install(cluster, print)
    scene = variants.plain(cluster, print)
    (scene.bucket / "metadata.yaml").unlink()
    (scene.bucket / scene.directory / "repository.yaml").write_text("kind: Other\n")
    capsys.readouterr()
    assert prove(scene) == len(STEPS) - 2
    lost = [line for line in capsys.readouterr().out.splitlines() if "NOT PROVED" in line]
    assert [line.split()[0] for line in lost] == ["B3", "B7"]


def test_volume_has_enough_files_where_the_source_has_few(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(400):
        (source / f"{number}.py").write_text(str(number))
    volume = tmp_path / "volume"
    volume.mkdir()
    assert data.make_tree(volume, source) >= data.LEAST_FILES
    assert (volume / "tree" / "copy-1" / "399.py").read_text() == "399"


def test_machine_without_namespaces_is_told_before_anything_starts(tmp_path: Path) -> None:
    programs, state = tmp_path / "programs", tmp_path / "state"
    programs.mkdir()
    state.mkdir()
    unshare = programs / "unshare"
    unshare.write_text(
        "#!/bin/sh\necho unshare: unshare failed: Operation not permitted >&2; exit 1\n"
    )
    unshare.chmod(0o755)
    demo = subprocess.run(
        [sys.executable, "-m", "tools.demo"],
        cwd=ROOT,
        env={
            **os.environ,
            "PATH": f"{programs}:{os.environ['PATH']}",
            "TMPDIR": str(state),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert (demo.returncode, demo.stdout) == (2, "")
    assert "may make no namespaces" in demo.stderr
    assert "unshare: unshare failed: Operation not permitted" in demo.stderr
    assert list(state.iterdir()) == []


@pytest.fixture
def not_ignored() -> Iterator[None]:
    """What a shell starts in the background ignores Ctrl-C, and so do its children."""
    before = [
        (number, signal.signal(number, signal.SIG_DFL)) for number in (signal.SIGINT, signal.SIGHUP)
    ]
    yield
    for number, handler in before:
        signal.signal(number, handler)


@pytest.mark.usefixtures("not_ignored")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_demo_leaves_no_process_and_no_folder(
    tmp_path: Path, number: signal.Signals
) -> None:
    demo = subprocess.Popen(
        [sys.executable, "-m", "tools.demo"],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert demo.stdout is not None
    while "CRDs" not in demo.stdout.readline():
        assert demo.poll() is None
    demo.send_signal(number)
    demo.send_signal(number)
    _, errors = demo.communicate(timeout=180)
    assert (demo.returncode, errors) == (
        130,
        "interrupted: stopping the cluster and removing its folder\n",
    )
    assert list(tmp_path.iterdir()) == []
    assert not [command for command in _commands() if str(tmp_path).encode() in command]


def _commands() -> Iterator[bytes]:
    """The command line of every process that is there now."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            yield path.read_bytes()
