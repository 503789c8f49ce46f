"""Work on the whole repository: pruned, checked and measured, and what of it failed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from stashgen_controller.protocol.run_result import ErrorClass, Upkeep
from tests.support.workbench import Ended, Workbench, prepared, snapshot_name


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Workbench:
    """A repository with three backups; the first of them is forgotten."""
    used = prepared(Workbench(tmp_path_factory.mktemp("used")), template)
    for day in range(3):
        (used.volume / "file").write_bytes(os.urandom(100_000))
        used.backup(day).succeeded()
    used.retain(2.5, "--keep-last=2").succeeded()
    return used


@pytest.fixture
def bench(tmp_path: Path, used: Workbench) -> Workbench:
    """The same, for one test."""
    return prepared(Workbench(tmp_path), used.storage)


def _done(ended: Ended) -> Upkeep:
    assert ended.result.upkeep is not None
    return ended.result.upkeep


def _packs(bench: Workbench) -> Iterator[Path]:
    return (path for path in (bench.repository / "data").rglob("*") if path.is_file())


def _stored_bytes(bench: Workbench) -> int:
    return sum(path.stat().st_size for path in _packs(bench))


def test_retention_only_forgets_and_upkeep_frees_the_space(bench: Workbench) -> None:
    assert len(bench.restic("snapshots", "--no-lock")) == 2
    before = _stored_bytes(bench)
    done = _done(bench.upkeep(3).succeeded())
    assert (done.pruned, done.checked, done.intact) == (True, True, True)
    assert done.size_bytes is not None
    assert 200_000 < done.size_bytes < _stored_bytes(bench) < before - 100_000
    assert bench.locks() == []


def test_only_what_is_due_is_done(bench: Workbench) -> None:
    before = _stored_bytes(bench)
    done = _done(bench.upkeep(3, prune=False).succeeded())
    assert (done.pruned, done.checked, done.intact) == (False, True, True)
    assert _stored_bytes(bench) == before
    done = _done(bench.upkeep(3, check=False).succeeded())
    assert (done.pruned, done.checked, done.intact) == (True, False, None)


def test_damage_is_reported_and_nothing_is_pruned(bench: Workbench) -> None:
    # Those of the folders, which every snapshot needs.
    for pack in [path for path in _packs(bench) if path.stat().st_size < 50_000]:
        pack.unlink()
    left = _stored_bytes(bench)
    said = bench.root / "said"
    bench.wrap_restic(f'echo "$*" >> {said}')
    ended = bench.upkeep(3)
    assert ended.reason == ErrorClass.REPOSITORY_DAMAGED
    done = _done(ended)
    assert (done.pruned, done.checked, done.intact) == (False, True, False)
    assert _stored_bytes(bench) == left
    assert "prune" not in said.read_text()
    # A prune alone finds it out, too.
    done = _done(bench.upkeep(3, check=False))
    assert (done.pruned, done.checked, done.intact) == (False, False, False)


def test_what_only_the_data_shows_is_found_by_reading_it(bench: Workbench) -> None:
    # The others hold the folders, which every check reads.
    for pack in [path for path in _packs(bench) if path.stat().st_size > 50_000]:
        data = bytearray(pack.read_bytes())
        data[len(data) // 3] ^= 1
        pack.chmod(0o600)
        pack.write_bytes(data)
    assert _done(bench.upkeep(3, prune=False)).intact is True
    ended = bench.upkeep(3, "--read-data=100", prune=False)
    assert ended.reason == ErrorClass.REPOSITORY_DAMAGED
    assert _done(ended).intact is False


def test_a_full_storage_is_pruned_without_writing_data_again(bench: Workbench) -> None:
    said = bench.root / "said"
    bench.wrap_restic(f'echo "$*" >> {said}')
    bench.upkeep(3, check=False, storageIsFull=True).succeeded()
    assert "prune --max-repack-size=0" in said.read_text()


def test_a_prune_that_fails_does_not_keep_the_check_from_being_done(bench: Workbench) -> None:
    full = '{"message_type":"exit_error","code":1,"message":"no space left on device"}'
    bench.wrap_restic(f'case " $* " in *" prune"*) echo \'{full}\' >&2; exit 1;; esac')
    ended = bench.upkeep(3)
    assert ended.reason == ErrorClass.NO_SPACE
    done = _done(ended)
    assert (done.pruned, done.checked, done.intact) == (False, True, True)
    assert done.size_bytes is not None


def _is_recorded(bench: Workbench) -> bool:
    """Whether the bucket says that the repository is damaged."""
    return (bench.directory / ".stashgen" / "damaged.json").is_file()


def test_who_comes_after_the_cluster_reads_of_damage_until_a_check_finds_none(
    bench: Workbench,
) -> None:
    def state() -> bool:
        found = bench.init_repository().succeeded().result.repository
        assert found is not None
        return found.is_damaged

    bench.upkeep(3).succeeded()
    assert not state()
    lost = {path: path.read_bytes() for path in _packs(bench) if path.stat().st_size < 50_000}
    for path in lost:
        path.unlink()
    bench.upkeep(3)
    assert state()
    # Another one later does not replace it.
    bench.upkeep(4)
    assert state()
    for path, data in lost.items():
        path.write_bytes(data)
    assert state()
    bench.upkeep(4).succeeded()
    assert not state()


def test_a_backup_that_meets_damage_records_it(bench: Workbench) -> None:
    for path in [path for path in _packs(bench) if path.stat().st_size < 50_000]:
        path.unlink()
    assert bench.backup(3, check=True).reason == ErrorClass.REPOSITORY_DAMAGED
    assert _is_recorded(bench)


def test_nothing_is_removed_while_damage_is_recorded_whatever_the_plan_says(
    bench: Workbench,
) -> None:
    (bench.directory / ".stashgen" / "damaged.json").write_text("{}")
    before, snapshots = _stored_bytes(bench), len(bench.restic("snapshots", "--no-lock"))
    said = bench.root / "said"
    bench.wrap_restic(f'echo "$*" >> {said}')
    ended = bench.upkeep(3, check=False)
    assert ended.reason == ErrorClass.REPOSITORY_DAMAGED
    assert (_done(ended).pruned, _done(ended).intact) == (False, False)
    ended = bench.retain(3.5, "--keep-last=1")
    assert (ended.reason, ended.text) == (
        ErrorClass.REPOSITORY_DAMAGED,
        "an earlier check found damage: nothing is removed until a check finds none",
    )
    assert not {"prune", "forget"} & set(said.read_text().split())
    assert (_stored_bytes(bench), len(bench.restic("snapshots", "--no-lock"))) == (
        before,
        snapshots,
    )
    # A check of all of it, whatever was checked before damage was known, finds none: both go on.
    said.unlink()
    bench.upkeep(4, checkedPaths=["repository/v1/backup/dump"]).succeeded()
    assert " check" in said.read_text()
    bench.retain(2.9, "--keep-last=1").succeeded()
    bench.upkeep(5).succeeded()
    assert _stored_bytes(bench) < before


def _flip_data(bench: Workbench) -> dict[Path, bytes]:
    """Damage that only reading the data shows; returns what was there."""
    before = {path: path.read_bytes() for path in _packs(bench) if path.stat().st_size > 50_000}
    for path, data in before.items():
        path.chmod(0o600)
        path.write_bytes(data[:-1000] + bytes([data[-1000] ^ 1]) + data[-999:])
    return before


@pytest.mark.parametrize("check", [True, False])
def test_a_backup_beside_damaged_data_says_so_and_is_in_the_bucket_as_such(
    bench: Workbench, *, check: bool
) -> None:
    before = _flip_data(bench)
    assert bench.upkeep(3, "--read-data=100").reason == ErrorClass.REPOSITORY_DAMAGED
    component = bench.backup(4, check=check).succeeded().result.components["dump"]
    assert component.integrity is False
    status = bench.record(snapshot_name(4))["status"]
    assert (status["phase"], status["integrity"]) == ("Succeeded", False)
    assert [item["type"] for item in status["conditions"]] == [
        "SnapshotMetadataUploaded",
        "RepositoryDamaged",
    ]
    for path, data in before.items():
        path.write_bytes(data)
    # A policy that reads no data any more, or less, does not make it whole without a look.
    bench.upkeep(5, checkNumber=7).succeeded()
    assert bench.backup(6).succeeded().result.components["dump"].integrity is None


@pytest.mark.parametrize("flags", [(), ("--read-data=1",)])
def test_the_data_that_is_damaged_is_read_again_whatever_the_policy_reads_by_then(
    bench: Workbench, flags: tuple[str, ...]
) -> None:
    _flip_data(bench)
    assert bench.upkeep(3, "--read-data=100").reason == ErrorClass.REPOSITORY_DAMAGED
    assert bench.upkeep(4, *flags).reason == ErrorClass.REPOSITORY_DAMAGED
    # A person's word that it was repaired stands in for reading it: the structure is checked.
    bench.upkeep(5, damageAccepted=True).succeeded()
    assert not _is_recorded(bench)


def test_what_restic_repaired_is_found_whole_by_the_check_that_a_person_asks_for(
    bench: Workbench,
) -> None:
    _flip_data(bench)
    assert bench.upkeep(3, "--read-data=100").reason == ErrorClass.REPOSITORY_DAMAGED
    damaged = [path.name for path in _packs(bench) if path.stat().st_size > 50_000]
    process = bench.restic_process("repair", "packs", *damaged)
    assert process.returncode == 0, process.stderr
    process = bench.restic_process("repair", "snapshots", "--forget")
    assert process.returncode == 0, process.stderr
    bench.upkeep(4, "--read-data=100", damageAccepted=True).succeeded()
    assert not _is_recorded(bench)
    assert bench.backup(5).succeeded().result.components["dump"].integrity is None
    # Their data is not what was backed up: what restic has put in their place is not theirs.
    done = bench.retain(5, "--keep-last=1").succeeded().result.retention
    assert done is not None
    assert done.missing > 0


def test_damage_is_reported_although_it_cannot_be_recorded(bench: Workbench) -> None:
    for path in [path for path in _packs(bench) if path.stat().st_size < 50_000]:
        path.unlink()
    (bench.directory / ".stashgen" / "damaged.json").mkdir()
    assert bench.upkeep(3).reason == ErrorClass.REPOSITORY_DAMAGED


def test_only_a_check_of_the_same_data_clears_the_record(bench: Workbench) -> None:
    lost = {path: path.read_bytes() for path in _packs(bench) if path.stat().st_size > 50_000}
    for path, data in lost.items():
        path.chmod(0o600)
        path.write_bytes(data[:-1000] + bytes([data[-1000] ^ 1]) + data[-999:])

    def check(number: int) -> Upkeep:
        return _done(bench.upkeep(3, "--read-data=20", prune=False, checkNumber=number))

    number = next(item for item in range(5) if check(item).intact is False)
    # As of a cluster that was rebuilt, which begins with the first part.
    assert check(number + 1).intact is False
    assert _is_recorded(bench)
    for path, data in lost.items():
        path.write_bytes(data)
    assert check(number + 1).intact is True
    assert not _is_recorded(bench)
    # Whoever writes there has some part read.
    for text in (
        "[" * 5000,
        '{"checkNumber": true}',
        '{"checkNumber": 1e9}',
        '{"checkNumber": -3}',
    ):
        (bench.directory / ".stashgen" / "damaged.json").write_text(text)
        assert check(0).intact is True


def test_damage_that_is_found_in_other_data_is_recorded_with_that(bench: Workbench) -> None:
    def check(number: int, **plan: object) -> Upkeep:
        flag = "--read-data=20"
        return _done(bench.upkeep(3, flag, prune=False, checkNumber=number, **plan))

    _flip_data(bench)
    bad = next(item for item in range(5) if check(item).intact is False)
    record = bench.directory / ".stashgen" / "damaged.json"
    # A backup found damage first; a check found it elsewhere, which a person says is repaired;
    # the version before wrote no share.
    good = (bad + 1) % 5
    elsewhere = f'{{"checkNumber": {good}, "readPercent": 20}}'
    for text, plan in (("{}", {}), (elsewhere, {"damageAccepted": True})):
        record.write_text(text)
        assert check(bad, **plan).intact is False
        assert check(good).intact is False
    record.write_text(f'{{"checkNumber": {bad}}}')
    assert check(good).intact is False
    assert bench.upkeep(3, "--read-data=20", checkNumber=good).reason == (
        ErrorClass.REPOSITORY_DAMAGED
    )


def test_the_record_of_damage_is_not_read_but_seen(bench: Workbench) -> None:
    record = bench.directory / ".stashgen" / "damaged.json"
    # Whoever may write to the bucket may have written it.
    record.write_bytes(b"x" * (2 << 20))
    found = bench.init_repository().succeeded().result.repository
    assert found is not None
    assert found.is_damaged
    bench.upkeep(3).succeeded()
    assert not record.exists()
    record.mkdir()
    found = bench.init_repository().succeeded().result.repository
    assert found is not None
    assert not found.is_damaged


def test_what_was_done_before_is_not_repeated(bench: Workbench) -> None:
    said = bench.root / "said"
    bench.wrap_restic(f'echo "$*" >> {said}')
    (path,) = _done(bench.upkeep(3, prune=False).succeeded()).checked_paths
    said.unlink()
    done = _done(bench.upkeep(3, checkedPaths=[path]).succeeded())
    assert (done.pruned, done.checked, done.intact) == (True, True, True)
    assert " check" not in said.read_text()


def test_each_restic_repository_has_its_turn(tmp_path: Path) -> None:
    bench = Workbench(tmp_path)
    sessions = "--sessions=backup,weekly"
    bench.run(bench.maintain_args("init-repository", sessions), {}).succeeded()
    said = bench.root / "said"
    # The first of the two takes all the time there is.
    slow = f"{bench.directory}/repository/v1/backup/dump"
    bench.wrap_restic(
        f'case " $* " in *" check "*) echo "$RESTIC_REPOSITORY" >> {said};; esac; '
        f'case "$RESTIC_REPOSITORY $* " in "{slow}"*" check "*) '
        'trap "exit 130" TERM; kill -TERM $PPID; sleep 60 & wait;; esac'
    )
    ended = bench.upkeep(3, sessions, prune=False)
    assert ended.reason == ErrorClass.INTERRUPTED
    assert _done(ended).checked_paths == ()
    ended = bench.upkeep(3, sessions, prune=False, turn=1)
    assert ended.reason == ErrorClass.INTERRUPTED
    assert _done(ended).checked_paths == ("repository/v1/weekly/dump",)
    asked = [line.split("/")[-2] for line in said.read_text().splitlines()]
    assert asked == ["backup", "weekly", "backup"]


def test_the_repository_of_another_volume_is_left_alone(bench: Workbench) -> None:
    before = _stored_bytes(bench)
    ended = bench.upkeep(3, claimUid="another")
    assert ended.reason == ErrorClass.RESTORE_EXPECTED
    assert _stored_bytes(bench) == before


def test_a_repository_that_is_not_there_is_not_called_damaged(tmp_path: Path) -> None:
    ended = Workbench(tmp_path).upkeep(0)
    assert ended.reason == ErrorClass.NO_REPOSITORY
    assert _done(ended).intact is None
