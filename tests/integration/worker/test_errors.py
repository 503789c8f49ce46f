"""Every error class that restic and the storage can bring about, provoked for real."""

import os
import shutil
from pathlib import Path

import pytest

from stashgen_controller.protocol.run_result import ErrorClass
from tests.support.workbench import (
    COMPONENT,
    PATH,
    Ended,
    Workbench,
    prepared,
    snapshot_name,
)


def component_of(ended: Ended) -> tuple[str | None, bool | None, str | None]:
    component = ended.result.components[COMPONENT]
    return component.phase, component.integrity, component.error


def test_a_wrong_password_is_told_as_such(workbench: Workbench) -> None:
    workbench.password.write_text("guess", encoding="utf-8")
    ended = workbench.backup(0)
    assert ended.reason == ErrorClass.WRONG_PASSWORD
    assert "guess" not in ended.printed
    assert component_of(ended)[0] == "Failed"
    assert workbench.init_repository().reason == ErrorClass.WRONG_PASSWORD


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_missing_or_empty_secret_is_told_as_such(
    workbench: Workbench, content: str | None
) -> None:
    workbench.password.unlink()
    if content is not None:
        workbench.password.write_text(content, encoding="utf-8")
    for ended in (workbench.backup(0), workbench.init_repository(), workbench.retain(1)):
        assert ended.reason == ErrorClass.SECRET_MISSING


def test_a_backup_never_makes_a_repository(tmp_path: Path) -> None:
    workbench = Workbench(tmp_path)
    workbench.init_storage().succeeded()
    ended = workbench.backup(0)
    assert ended.reason == ErrorClass.NO_REPOSITORY
    assert not workbench.repository.exists()
    assert component_of(ended)[0] == "Failed"


@pytest.mark.parametrize("known", ["from the plan", "from the bucket"])
def test_a_repository_that_is_gone_is_never_made_anew(workbench: Workbench, known: str) -> None:
    workbench.backup(0).succeeded()
    shutil.rmtree(workbench.repository)
    plan = {"repository": {"status": {"componentPaths": [PATH]}}} if "plan" in known else {}
    if known == "from the plan":
        shutil.rmtree(workbench.directory / "snapshots")
    ended = workbench.init_repository(**plan)
    assert ended.reason == ErrorClass.NO_REPOSITORY
    assert "was initialised before" in ended.text
    assert not workbench.repository.exists()


def test_a_source_that_is_not_there_is_incomplete(workbench: Workbench) -> None:
    ended = workbench.backup(0, args=[f"--paths={workbench.root}/nowhere"])
    assert ended.reason == ErrorClass.SOURCE_INCOMPLETE
    assert not ended.result.uploaded


def test_a_full_storage_is_told_as_such(workbench: Workbench, template: Path) -> None:
    """A file system of 2 MB, in a mount namespace: root's, or one of the user's own."""
    (workbench.volume / "large").write_bytes(os.urandom(3 << 20))
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = f"""set -e
mount -t tmpfs -o size=2m tmpfs {workbench.storage}
cp -r {template}/. {workbench.storage}
"$@" || code=$?
ls {workbench.repository}/locks >&2
exit $code"""
    workbench.prefix = ["unshare", *user, "--mount", "sh", "-c", script, "sh"]
    ended = workbench.backup(0)
    assert ended.reason == ErrorClass.NO_SPACE
    assert "no space left on device" in ended.text
    assert ended.printed.splitlines()[-1].startswith("{"), "a lock is left"


def test_retention_works_on_the_storage_that_a_backup_found_full(
    workbench: Workbench, template: Path
) -> None:
    """restic leaves the room that the pack needed which it could not store."""
    shutil.copytree(template, workbench.storage, dirs_exist_ok=True)
    for day in range(3):
        (workbench.volume / "large").write_bytes(os.urandom(3 << 20))
        workbench.backup(day).succeeded()
    (workbench.volume / "large").write_bytes(os.urandom(3 << 20))
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = f"""set -e
cp -r {workbench.storage} {workbench.root}/before
mount -t tmpfs -o size=11m tmpfs {workbench.storage}
cp -r {workbench.root}/before/. {workbench.storage}
"$@" || code=$?
rm -r {workbench.root}/before
cp -r {workbench.storage} {workbench.root}/after
exit ${{code:-0}}"""
    workbench.prefix = ["unshare", *user, "--mount", "sh", "-c", script, "sh"]
    assert workbench.backup(3).reason == ErrorClass.NO_SPACE
    left = workbench.root / "after"
    shutil.rmtree(workbench.storage)
    left.rename(workbench.storage)
    workbench.storage.mkdir(exist_ok=True)

    removed = workbench.retain(3.1, "--max-retention-period=36h").succeeded().result.retention

    assert removed is not None
    assert removed.removed == (snapshot_name(0), snapshot_name(1))
    shutil.rmtree(workbench.storage)
    left.rename(workbench.storage)
    workbench.prefix = ()
    assert len(workbench.restic("snapshots", "--no-lock")) == 1
    workbench.backup(4).succeeded()


def test_a_limit_on_the_size_of_files_is_met_first_in_the_scratch_folder(
    workbench: Workbench,
) -> None:
    """restic writes each pack there before it sends it."""
    (workbench.volume / "large").write_bytes(os.urandom(3 << 20))
    workbench.prefix = ("prlimit", f"--fsize={1 << 20}")
    ended = workbench.backup(0)
    assert ended.reason == ErrorClass.SCRATCH_FULL
    assert workbench.locks() == []


def test_a_storage_that_cannot_take_the_record_fails_the_backup(workbench: Workbench) -> None:
    in_the_way = workbench.directory / "snapshots"
    workbench.wrap_restic(f'case " $* " in *" backup "*) touch {in_the_way};; esac')
    ended = workbench.backup(0)
    assert ended.reason == ErrorClass.UNAVAILABLE
    assert not ended.result.uploaded
    # What it reports may be all that is left of it: without a record it is no good backup.
    assert component_of(ended)[0] == "Failed"


def test_a_repository_that_is_known_to_be_damaged_makes_no_backup_good(
    workbench: Workbench,
) -> None:
    (workbench.volume / "file").write_bytes(os.urandom(5000))
    workbench.backup(0).succeeded()
    for pack in (workbench.repository / "data").rglob("*"):
        if pack.is_file():
            pack.unlink()
    (workbench.volume / "file").write_bytes(os.urandom(5000))
    ended = workbench.backup(1, check=True)
    assert ended.reason == ErrorClass.REPOSITORY_DAMAGED
    assert component_of(ended)[:2] == ("Failed", False)
    status = workbench.record(snapshot_name(1))["status"]
    assert (status["phase"], status["integrity"]) == ("Failed", False)


def test_a_repaired_repository_makes_backups_good_again(workbench: Workbench) -> None:
    workbench.backup(0).succeeded()
    ended = workbench.backup(1, check=True).succeeded()
    assert component_of(ended)[:2] == ("Succeeded", True)


def test_a_storage_that_is_away_is_unavailable(tmp_path: Path) -> None:
    workbench = Workbench(tmp_path)
    workbench.storage.rmdir()
    workbench.storage.write_text("not a folder", encoding="utf-8")
    assert workbench.init_storage().reason == ErrorClass.UNAVAILABLE


@pytest.mark.parametrize("version", ["0.14.0", "0.17.3", "nonsense"])
def test_an_old_restic_is_refused_with_its_version(workbench: Workbench, version: str) -> None:
    old = workbench.root / "bin"
    old.mkdir()
    (old / "restic").write_text(f"#!/bin/sh\necho restic {version} compiled with go\n")
    (old / "restic").chmod(0o755)
    workbench.environment["PATH"] = f"{old}:{os.environ['PATH']}"
    ended = workbench.backup(0)
    assert ended.reason == ErrorClass.RESTIC_TOO_OLD
    assert version in ended.text
    assert "0.18 or newer" in ended.text


@pytest.mark.parametrize("name", ["RESTIC_PACK_SIZE", "RESTIC_COMPRESSION"])
def test_a_setting_that_restic_cannot_read_is_named(workbench: Workbench, name: str) -> None:
    """From a ConfigMap, say: nothing could refuse it before."""
    workbench.environment[name] = "banana"
    ended = workbench.backup(0)
    assert ended.reason == ErrorClass.INTERNAL
    assert f'invalid value for {name} "banana"' in ended.text


def test_a_missing_restic_is_told_as_such(workbench: Workbench) -> None:
    workbench.environment["PATH"] = "/nowhere"
    assert workbench.backup(0).reason == ErrorClass.RESTIC_TOO_OLD


def test_a_deadline_that_passed_starts_nothing(workbench: Workbench) -> None:
    ended = workbench.backup(1, deadline="2026-05-04T00:00:00Z")
    assert ended.reason == ErrorClass.DEADLINE_EXCEEDED
    assert workbench.restic("snapshots", "--no-lock") == []


def test_a_plan_that_cannot_be_read_is_reported(workbench: Workbench) -> None:
    ended = workbench.run(workbench.backup_args(0), {"verb": 1})
    assert ended.reason == ErrorClass.INTERNAL
    assert "the run spec cannot be read" in ended.text


def test_a_snapshot_that_restic_does_not_have_cannot_be_restored(workbench: Workbench) -> None:
    workbench.backup(0).succeeded()
    record = workbench.record(snapshot_name(0))
    stats = record["status"]["components"][COMPONENT]["resticStats"][0]
    stats["summary"]["id"] = "a" * 64
    assert workbench.restore(record).reason == ErrorClass.NO_SNAPSHOT


@pytest.mark.parametrize("id_", ["latest", "--target=/etc", "A" * 64])
def test_an_id_that_is_none_is_not_handed_to_restic(workbench: Workbench, id_: str) -> None:
    workbench.backup(0).succeeded()
    record = workbench.record(snapshot_name(0))
    stats = record["status"]["components"][COMPONENT]["resticStats"][0]
    stats["summary"]["id"] = id_
    assert workbench.restore(record).reason == ErrorClass.INVALID_BUCKET


@pytest.mark.parametrize("path", ["../../other/repository/v1/backup/dump", "/etc", ".."])
def test_a_record_cannot_point_to_another_repository(workbench: Workbench, path: str) -> None:
    workbench.backup(0).succeeded()
    record = workbench.record(snapshot_name(0))
    record["status"]["components"][COMPONENT]["path"] = path
    assert workbench.restore(record).reason == ErrorClass.INVALID_BUCKET


def test_a_directory_that_leaves_the_storage_is_refused(tmp_path: Path, template: Path) -> None:
    workbench = prepared(Workbench(tmp_path), template)
    args = [*workbench.backup_args(0), "--directory=../outside"]
    ended = workbench.run(args, workbench.backup_plan(0))
    assert ended.reason == ErrorClass.INVALID_BUCKET
    assert not (tmp_path / "outside").exists()
