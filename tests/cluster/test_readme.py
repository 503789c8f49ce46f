"""The README from the installation to the first backup, word for word."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.kube import Kube
from tests.support.place import ROOT
from tests.support.readme import section, steps, write_files

_NAMESPACE = "shop"


@pytest.fixture
def shop(kube: Kube, tmp_path: Path) -> Iterator[Path]:
    """A checkout with the README's files in it; the namespace that it makes goes afterwards."""
    write_files(section("Write a policy"), tmp_path)
    (tmp_path / "controller").symlink_to(ROOT / "controller")
    yield tmp_path
    kube.kubectl("delete", "namespace", _NAMESPACE, "--ignore-not-found")


@pytest.mark.usefixtures("installed")
def test_quick_start_of_the_readme_ends_with_a_backup(kube: Kube, shop: Path) -> None:
    said = ""
    for command, _ in steps(section("Install") + section("Apply it")):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=shop,
            env=os.environ | {"KUBECONFIG": str(kube.layout.kubeconfig)},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        said = done.stdout
    # The BackupSession and its Snapshot.
    assert said.count("Succeeded") == 2, said
