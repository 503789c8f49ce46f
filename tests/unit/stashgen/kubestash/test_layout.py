"""Where things are in a bucket."""

import pytest

from stashgen.kubestash import layout


def test_layout_is_kubestashs() -> None:
    path = layout.component_path("frequent-backup", "dump")
    assert path == "repository/v1/frequent-backup/dump"
    assert layout.METADATA == "metadata.yaml"
    assert layout.repository_file("demo/nfs-pvc") == "demo/nfs-pvc/repository.yaml"
    assert layout.snapshot_file("demo/nfs-pvc", "a-1") == "demo/nfs-pvc/snapshots/a-1.yaml"
    assert layout.snapshots_folder("demo/nfs-pvc") == "demo/nfs-pvc/snapshots"
    assert layout.restic_folder("demo/nfs-pvc", path) == f"demo/nfs-pvc/{path}"
    assert layout.writer_file("demo/nfs-pvc") == "demo/nfs-pvc/.stashgen/writer.json"


@pytest.mark.parametrize("directory", ["pvc/foo", "/pvc/foo", "pvc/foo/", "//pvc//foo"])
def test_slashes_around_a_directory_do_not_matter(directory: str) -> None:
    assert layout.repository_file(directory) == "pvc/foo/repository.yaml"


@pytest.mark.parametrize("directory", ["..", "a/../b", "./a", "/../etc"])
def test_directory_that_leaves_its_place_is_refused(directory: str) -> None:
    with pytest.raises(layout.UnsafePathError):
        layout.repository_file(directory)


def test_snapshot_name_with_steps_is_refused() -> None:
    with pytest.raises(layout.UnsafePathError):
        layout.snapshot_file("demo", "../../other/x")
    with pytest.raises(layout.UnsafePathError):
        layout.snapshot_file("demo", "a/b")


def test_session_that_leaves_its_place_is_refused() -> None:
    with pytest.raises(layout.UnsafePathError):
        layout.component_path("..", "dump")


@pytest.mark.parametrize("nonce", ["../writer", "a/b"])
def test_a_nonce_is_one_file(nonce: str) -> None:
    assert layout.restore_file("demo/library", "incident-42") == (
        "demo/library/.stashgen/restores/incident-42.json"
    )
    with pytest.raises(layout.UnsafePathError):
        layout.restore_file("demo/library", nonce)
