import json
import os
from pathlib import Path

import pytest

from stashgen.kubestash.paths import DATA_PATH
from stashgen.kubestash.pods.priorities import priority_env
from stashgen.kubestash.unreadable import OnUnreadable
from stashgen.render.task import backup_params
from stashgen_controller.protocol.run_result import ErrorClass
from tests.support.project import POLICY, STORAGE, claim, resolved
from tests.support.workbench import COMPONENT, DIRECTORY, PATH, Workbench, prepared, snapshot_name


def test_init_storage_leaves_metadata_once_and_no_probe(tmp_path: Path) -> None:
    workbench = Workbench(tmp_path)
    assert workbench.init_storage().succeeded().result.uploaded
    first = (workbench.storage / "metadata.yaml").read_bytes()
    assert b"kind: BackendMeta" in first
    assert workbench.run(["init-storage", f"--storage=file://{workbench.storage}"], {}, 9).code == 0
    assert (workbench.storage / "metadata.yaml").read_bytes() == first
    assert list((workbench.storage / ".stashgen").iterdir()) == []


def test_init_repository_lays_the_bucket_out_as_kubestash_does(workbench: Workbench) -> None:
    files = {str(path.relative_to(workbench.directory)) for path in workbench.directory.rglob("*")}
    assert {"repository.yaml", ".stashgen/writer.json", f"{PATH}/config"} <= files
    text = (workbench.directory / "repository.yaml").read_text(encoding="utf-8")
    assert f"path: {DIRECTORY}" in text


def test_init_repository_is_idempotent_and_reports_what_is_there(workbench: Workbench) -> None:
    config = (workbench.repository / "config").read_bytes()
    workbench.backup(0).succeeded()
    found = workbench.init_repository().succeeded().result.repository
    assert found is not None
    assert (found.component_paths, found.snapshot_count, found.writer_matches) == ((PATH,), 1, True)
    assert (workbench.repository / "config").read_bytes() == config


def test_backup_records_restics_snapshot_and_how_much_it_read(workbench: Workbench) -> None:
    (workbench.volume / "file").write_bytes(b"x" * 5000)
    result = workbench.backup(1).succeeded().result
    component = result.components[COMPONENT]
    # Of the whole repository only upkeep says something.
    assert (component.integrity, component.size) == (None, None)
    assert component.path == PATH
    assert result.uploaded
    assert result.details is None
    (listed,) = workbench.restic("snapshots", "--no-lock")
    assert listed["hostname"] == "host-0"
    assert listed["time"].startswith("2026-05-05T03:17:0")
    assert listed["paths"] == [str(workbench.volume)]
    (stats,) = component.restic_stats or ()
    assert stats.summary is not None
    assert (stats.summary.id, stats.summary.size) == (listed["id"], "4.883 KiB")
    assert workbench.locks() == []


def test_backup_uploads_the_snapshot_with_its_final_status(workbench: Workbench) -> None:
    result = workbench.backup(2).succeeded().result
    record = workbench.record(snapshot_name(2))
    status = record["status"]
    assert status["phase"] == "Succeeded"
    assert "integrity" not in status
    assert status["snapshotTime"] == "2026-05-06T03:17:00Z"
    assert status["components"] == {
        name: item.to_wire() for name, item in result.components.items()
    }
    assert [item["type"] for item in status["conditions"]] == ["SnapshotMetadataUploaded"]


def test_a_record_is_never_replaced_by_another_backup_of_its_name(workbench: Workbench) -> None:
    file = workbench.volume / "file"
    file.write_text("old", encoding="utf-8")
    workbench.backup(0).succeeded()
    before = (workbench.record(snapshot_name(0)), workbench.restic("snapshots", "--no-lock"))
    file.write_text("new", encoding="utf-8")
    plan = {**workbench.backup_plan(9), "snapshot": workbench.backup_plan(0)["snapshot"]}
    ended = workbench.run(workbench.backup_args(9), plan, 9)
    assert ended.reason == ErrorClass.RECORD_EXISTS
    assert ended.text == (
        f"the bucket has a record of Snapshot {snapshot_name(0)} already, which is never replaced"
    )
    assert ended.result.components == {}
    after = (workbench.record(snapshot_name(0)), workbench.restic("snapshots", "--no-lock"))
    assert after == before


def test_of_two_backups_of_one_name_at_once_one_has_the_record(
    workbench: Workbench, tmp_path: Path
) -> None:
    (workbench.volume / "file").write_text("x", encoding="utf-8")
    other = Workbench(tmp_path / "other", storage_args=workbench.storage_args)
    benches = (workbench, other)
    started = [bench.start(bench.backup_args(0), bench.backup_plan(0)) for bench in benches]
    endings = [bench.wait(process) for bench, process in zip(benches, started, strict=True)]
    good = [ended for ended in endings if ended.code == 0]
    assert len(good) == 1, [ended.message for ended in endings]
    (bad,) = (ended for ended in endings if ended is not good[0])
    assert bad.reason == ErrorClass.RECORD_EXISTS
    written = workbench.record(snapshot_name(0))["status"]["components"]
    assert written == {name: item.to_wire() for name, item in good[0].result.components.items()}


def test_paths_and_patterns_of_a_policy_decide_what_a_backup_holds(workbench: Workbench) -> None:
    policy = POLICY.replace(
        "{name: backup, ", "{name: backup, paths: [data, one], exclude: ['*.tmp', /data/logs], "
    )
    project = resolved(claim("library") + claim("backup-store"), STORAGE, policy).value
    params = backup_params(project.protections[0].sessions[0], OnUnreadable.FAIL)
    for name in ("data/kept", "data/left.tmp", "data/logs/today", "one", "other"):
        (workbench.volume / name).parent.mkdir(exist_ok=True)
        (workbench.volume / name).write_text(name, encoding="utf-8")
    args = [
        f"--{name}={params[name]}".replace(DATA_PATH, str(workbench.volume))
        for name in ("paths", "exclude")
    ]
    workbench.backup(0, args=args).succeeded()
    for path in workbench.volume.rglob("*"):
        if path.is_file():
            path.unlink()
    workbench.restore(workbench.record(snapshot_name(0))).succeeded()
    found = {str(path.relative_to(workbench.volume)) for path in workbench.volume.rglob("*")}
    assert found == {"data", "data/kept", "data/logs", "one"}


def test_path_that_the_volume_does_not_have_is_no_good_backup(workbench: Workbench) -> None:
    (workbench.volume / "there").write_text("x", encoding="utf-8")
    paths = f"{workbench.volume}/there,{workbench.volume}/gone"
    ended = workbench.backup(0, args=[f"--paths={paths}"])
    assert ended.reason == ErrorClass.SOURCE_INCOMPLETE
    assert "gone" in ended.text


def test_excluded_files_are_not_backed_up(workbench: Workbench) -> None:
    for name in ("kept", "left.tmp", "lost"):
        (workbench.volume / name).write_text(name, encoding="utf-8")
    workbench.backup(0, args=["--exclude=*.tmp,lost"]).succeeded()
    lines = workbench.restic_process("ls", "latest", "--no-lock").stdout.splitlines()
    nodes = [json.loads(line) for line in lines[1:]]
    assert [item["name"] for item in nodes if item["type"] == "file"] == ["kept"]


def test_several_paths_are_one_restic_snapshot_each(workbench: Workbench) -> None:
    paths = [workbench.volume / name for name in ("a", "b")]
    for path in paths:
        path.mkdir()
        (path / "file").write_text(path.name, encoding="utf-8")
    result = workbench.backup(0, args=[f"--paths={paths[0]},{paths[1]}"]).succeeded().result
    stats = result.components[COMPONENT].restic_stats or ()
    assert [item.summary.host_path for item in stats if item.summary] == list(map(str, paths))
    assert len(workbench.restic("snapshots", "--no-lock")) == 2


def test_a_pattern_that_fits_the_mount_folder_leaves_out_only_what_is_in_it(
    workbench: Workbench,
) -> None:
    for name in ("file", "volcano"):
        (workbench.volume / name).write_text("x", encoding="utf-8")
    workbench.backup(0, args=[f"--exclude={workbench.volume.name[:3]}*"]).succeeded()
    listed = workbench.restic_process("ls", "latest", "--no-lock").stdout
    assert '"name":"file"' in listed
    assert "volcano" not in listed


def test_without_a_cache_nothing_is_left_in_the_scratch_folder(workbench: Workbench) -> None:
    workbench.backup(0, args=["--enable-cache=false"]).succeeded()
    assert list(workbench.scratch.iterdir()) == []
    workbench.backup(1).succeeded()
    assert [path.name for path in workbench.scratch.iterdir()] == ["restic-cache"]


@pytest.mark.parametrize(
    ("verb", "args"),
    [("backup", ["--backupsession=other"]), ("retain", [])],
)
def test_a_plan_that_is_not_the_command_lines_is_refused(
    workbench: Workbench, verb: str, args: list[str]
) -> None:
    plan = {**workbench.backup_plan(0), "verb": verb}
    ended = workbench.run([*workbench.backup_args(0), *args], plan)
    assert ended.reason == "Internal"
    assert "the run spec is for" in ended.text
    assert workbench.restic("snapshots", "--no-lock") == []


def test_a_repository_in_another_storage_works_the_same(tmp_path: Path, template: Path) -> None:
    workbench = prepared(Workbench(tmp_path / "päth with ünicode"), template)
    (workbench.volume / "file").write_text("x", encoding="utf-8")
    workbench.backup(0).succeeded()
    assert len(workbench.restic("snapshots", "--no-lock")) == 1


def test_restic_runs_with_the_priority_of_the_policy(workbench: Workbench, tmp_path: Path) -> None:
    workbench.environment |= {
        str(item["name"]): str(item["value"]) for item in priority_env(7, (3, None))
    }
    seen = tmp_path / "seen"
    workbench.wrap_restic(f'{{ nice; ionice -p $$; }} >> "{seen}"')
    workbench.backup(0).succeeded()
    lines = seen.read_text(encoding="utf-8").splitlines()
    # The first command is the look at restic's version.
    own = os.nice(0)
    assert set(lines[2:]) == {str(min(own + 7, 19)), "idle"}
