"""What the cluster's command line refuses, before anything is changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.kube import Kube, KubeError
from tests.support.place import ROOT


def _with_state(state: Path, verb: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "tools.cluster", verb],
        cwd=ROOT,
        env=os.environ | {"STASHGEN_CLUSTER_STATE": str(state)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_folder_of_someone_else_is_neither_used_nor_removed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.touch()
    down = _with_state(tmp_path, "down")
    assert (down.returncode, down.stderr) == (0, "")
    assert precious.exists()


def test_folder_that_the_node_hides_is_refused() -> None:
    for folder in ("/run/cluster", "/var/log/cluster"):
        done = _with_state(Path(folder), "up")
        assert done.returncode == 2
        assert done.stderr.startswith(f"error: the cluster's state cannot be in {folder}")
        assert not Path(folder).exists()


def test_second_cluster_on_a_machine_is_refused_and_leaves_nothing(
    kube: Kube, tmp_path: Path
) -> None:
    second = tmp_path / "second"
    done = _with_state(second, "up")
    assert done.returncode == 2
    assert "belongs to another cluster on this machine" in done.stderr
    assert not second.exists()
    assert kube.kubectl("get", "nodes", "--output=name") == "node/node1\n"


def test_archive_that_is_no_image_is_refused(kube: Kube, tmp_path: Path) -> None:
    archive = tmp_path / "image.tar"
    archive.write_text("no archive")
    with pytest.raises(KubeError, match=r"image\.tar cannot be loaded"):
        kube.cluster("load", str(archive))
