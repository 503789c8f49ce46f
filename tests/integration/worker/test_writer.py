"""Who may write into a directory of a bucket."""

import json
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from stashgen.api.base import parse_time
from stashgen_controller.protocol.run_result import ErrorClass
from tests.support.workbench import CLAIM_UID, CLUSTER_UID, NOW, Workbench, snapshot_name

OTHER = "0ddba115-0000-4000-8000-000000000000"


def writer(workbench: Workbench) -> dict[str, str]:
    found = json.loads((workbench.directory / ".stashgen/writer.json").read_bytes())
    assert isinstance(found, dict)
    return found


def test_the_claim_and_the_cluster_are_recorded_before_the_first_byte(
    workbench: Workbench,
) -> None:
    recorded = writer(workbench)
    assert recorded.keys() == {"claimUID", "clusterUID", "since"}
    assert (recorded["claimUID"], recorded["clusterUID"]) == (CLAIM_UID, CLUSTER_UID)
    # The worker's clock goes on while it starts.
    assert timedelta() <= parse_time(recorded["since"]) - NOW < timedelta(days=1)
    workbench.backup(3).succeeded()
    assert writer(workbench) == recorded


@pytest.mark.parametrize("changed", [{"claimUid": OTHER}, {"clusterUid": OTHER}])
def test_another_claim_or_cluster_has_to_restore_first(
    workbench: Workbench, changed: dict[str, str]
) -> None:
    workbench.backup(0).succeeded()
    ended = workbench.backup(1, **changed)
    assert ended.reason == ErrorClass.RESTORE_EXPECTED
    assert not ended.result.uploaded
    assert workbench.retain(2, "--keep-last=1", **changed).reason == ErrorClass.RESTORE_EXPECTED
    assert len(workbench.restic("snapshots", "--no-lock")) == 1
    found = workbench.init_repository(**changed).succeeded().result.repository
    assert found is not None
    assert not found.writer_matches


def test_a_restore_into_its_own_claim_makes_it_the_writer(workbench: Workbench) -> None:
    (workbench.volume / "file").write_text("x", encoding="utf-8")
    workbench.backup(0).succeeded()
    record = workbench.record(snapshot_name(0))
    workbench.restore(record, claimUid=OTHER).succeeded()
    assert workbench.backup(1, claimUid=OTHER).reason == ErrorClass.RESTORE_EXPECTED
    workbench.restore(record, claimUid=OTHER, adopt=True).succeeded()
    workbench.backup(1, claimUid=OTHER).succeeded()
    assert workbench.backup(2).reason == ErrorClass.RESTORE_EXPECTED


def test_an_acknowledged_writer_is_displaced_and_nobody_else(workbench: Workbench) -> None:
    workbench.backup(0).succeeded()
    wrong = workbench.backup(1, claimUid=OTHER, acknowledgedWriter=CLUSTER_UID)
    assert wrong.reason == ErrorClass.RESTORE_EXPECTED
    assert wrong.result.writer is not None
    assert (wrong.result.writer.claim_uid, wrong.result.writer.matches) == (CLAIM_UID, False)
    assert writer(workbench)["claimUID"] == CLAIM_UID

    adopted = workbench.backup(1, claimUid=OTHER, acknowledgedWriter=CLAIM_UID).succeeded()
    assert adopted.result.writer is not None
    assert (adopted.result.writer.claim_uid, adopted.result.writer.matches) == (OTHER, True)
    assert writer(workbench)["claimUID"] == OTHER
    workbench.retain(2, "--keep-last=1", claimUid=OTHER).succeeded()

    # The same Git in the old cluster acknowledges the old writer, which is not recorded any more.
    old = workbench.backup(3, acknowledgedWriter=CLAIM_UID)
    assert old.reason == ErrorClass.RESTORE_EXPECTED
    # And left in Git, it acknowledges no later loss.
    later = {"claimUid": "5ca1ab1e-0000-4000-8000-000000000000", "acknowledgedWriter": CLAIM_UID}
    assert workbench.backup(4, **later).reason == ErrorClass.RESTORE_EXPECTED


def test_a_cluster_of_the_same_origin_is_not_displaced(workbench: Workbench) -> None:
    workbench.backup(0).succeeded()
    copied = {"clusterUid": OTHER, "acknowledgedWriter": CLAIM_UID}
    assert workbench.backup(1, **copied).reason == ErrorClass.RESTORE_EXPECTED


@pytest.mark.parametrize("claim", [7, None, "x" * 65, "a\nb", {}])
def test_an_odd_claim_in_the_record_cannot_be_acknowledged(
    workbench: Workbench, claim: object
) -> None:
    record = {"claimUID": claim, "clusterUID": CLUSTER_UID}
    path = workbench.directory / ".stashgen/writer.json"
    path.write_text(json.dumps(record), encoding="utf-8")
    ended = workbench.backup(0, acknowledgedWriter=str(claim))
    assert ended.reason == ErrorClass.RESTORE_EXPECTED
    assert ended.result.writer is not None
    assert ended.result.writer.claim_uid is None


def test_a_failed_restore_does_not_make_it_the_writer(workbench: Workbench) -> None:
    workbench.backup(0).succeeded()
    record = workbench.record(snapshot_name(0))
    shutil.rmtree(workbench.repository)
    assert workbench.restore(record, claimUid=OTHER, adopt=True).code == 1
    assert writer(workbench)["claimUID"] == CLAIM_UID


def test_plain_manifests_go_on_but_their_retention_is_held(workbench: Workbench) -> None:
    workbench.backup(0).succeeded()
    workbench.backup(1, claimUid=OTHER, refuseOtherWriter=False).succeeded()
    ended = workbench.retain(2, "--keep-last=1", claimUid=OTHER)
    assert ended.reason == ErrorClass.RESTORE_EXPECTED
    assert len(workbench.restic("snapshots", "--no-lock")) == 2


@pytest.mark.parametrize("content", ["", "{}", "[]", "not json", '{"clusterUID": 1}'])
def test_a_record_that_cannot_be_read_stops_everything(workbench: Workbench, content: str) -> None:
    (workbench.directory / ".stashgen/writer.json").write_text(content, encoding="utf-8")
    assert workbench.backup(0).reason == ErrorClass.INVALID_BUCKET
    assert workbench.retain(0).reason == ErrorClass.INVALID_BUCKET


_RACE = """
import sys, time
from stashgen_controller.worker.storage.local import LocalStorage
bucket, name, start = LocalStorage("file://" + sys.argv[1]), sys.argv[2], float(sys.argv[3])
time.sleep(max(0.0, start - time.time()))
won = [number for number in range(200) if bucket.create(f"d/{number}", name.encode() * 1000)]
print(*won)
"""


def test_of_writers_at_the_same_time_exactly_one_wins_each_file(tmp_path: Path) -> None:
    start = subprocess.check_output(["date", "+%s", "--date=+2 seconds"], text=True).strip()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _RACE, str(tmp_path), name, start],
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "abc"
    ]
    won = {
        name: {int(number) for number in process.communicate()[0].split()}
        for name, process in zip("abc", writers, strict=True)
    }
    assert sorted(number for numbers in won.values() for number in numbers) == list(range(200))
    for name, numbers in won.items():
        for number in numbers:
            assert (tmp_path / "d" / str(number)).read_text(encoding="ascii") == name * 1000
    assert len(list((tmp_path / "d").iterdir())) == 200
