"""What restic is told of a storage on a volume."""

from pathlib import Path

from stashgen_controller.worker.storage import open_storage


def test_restic_opens_as_many_files_at_a_time_as_the_storage_says(tmp_path: Path) -> None:
    storage = open_storage(f"file://{tmp_path}", {"connections": "3"}, tmp_path)
    assert storage.access.flags == ["--option", "local.connections=3"]
    assert not open_storage(f"file://{tmp_path}", {}, tmp_path).access.flags
