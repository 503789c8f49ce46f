"""The worker's verbs on a bucket of a real S3 server, with the real restic."""

import hashlib
import json
import os
import socket
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.gateway import READER, WRITER, Gateway, SecretFolder
from tests.support.peak_memory import MOST_MEMORY_KB, WITH_PEAK, peak_kb
from tests.support.restore_ledger import ORDER, ledger, ledger_file
from tests.support.workbench import (
    COMPONENT,
    NOW,
    Ended,
    Json,
    Workbench,
    snapshot_name,
    wait_until,
)

_QUICK_SECONDS = 20.0
_VERBS = ("init-storage", "init-repository", "backup", "restore", "retain")


@pytest.fixture
def keys(tmp_path: Path, gateway: Gateway) -> SecretFolder:
    """The mounted Secret, with the writer's keys."""
    folder = SecretFolder(tmp_path / "credentials")
    folder.write(gateway.secret())
    return folder


@pytest.fixture
def bench(tmp_path: Path, gateway: Gateway, keys: SecretFolder) -> Workbench:
    """A volume, and a worker whose storage is the bucket; its files are seen as a folder."""
    gateway.files.mkdir(parents=True)
    (tmp_path / "storage").symlink_to(gateway.files)
    return Workbench(
        tmp_path,
        environment={"STASHGEN_CREDENTIALS": str(keys.folder)},
        storage_args=[f"--storage={gateway.storage}"],
    )


@pytest.fixture
def used(bench: Workbench) -> Workbench:
    """The same with one backup."""
    bench.init_storage().succeeded()
    bench.init_repository().succeeded()
    _fill(bench, 0)
    bench.backup(0).succeeded()
    return bench


def _fill(bench: Workbench, day: int) -> dict[str, str]:
    for name in ("a", "deep/b", "deep/er/c"):
        path = bench.volume / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(os.urandom(30_000 + day))
    return _digests(bench.volume)


def _digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _run(bench: Workbench, verb: str) -> Ended:
    match verb:
        case "init-storage":
            return bench.init_storage()
        case "init-repository":
            return bench.init_repository()
        case "backup":
            return bench.backup(2)
        case "restore":
            return bench.restore(_SNAPSHOT)
        case _:
            return bench.retain(2, "--keep-last=1")


def _timed(bench: Workbench, verb: str) -> Ended:
    """Restic alone would try again for a quarter of an hour."""
    started = time.monotonic()
    ended = _run(bench, verb)
    assert time.monotonic() - started < _QUICK_SECONDS
    return ended


_SNAPSHOT: Json = {
    "metadata": {"name": snapshot_name(0)},
    "spec": {"session": "backup"},
    "status": {
        "components": {COMPONENT: {"resticStats": [{"summary": {"id": "0" * 64}}]}},
    },
}


@pytest.mark.parametrize("verb", _VERBS)
@pytest.mark.parametrize(
    ("change", "reason", "text"),
    [
        ({"AWS_SECRET_ACCESS_KEY": b"wrong"}, "AccessDenied", "SignatureDoesNotMatch"),
        ({"AWS_ACCESS_KEY_ID": b"nobody"}, "AccessDenied", "InvalidAccessKeyId"),
        ({"AWS_ACCESS_KEY_ID": None}, "SecretMissing", "has no key AWS_ACCESS_KEY_ID"),
        ({"AWS_SECRET_ACCESS_KEY": b" "}, "SecretMissing", "has an empty AWS_SECRET_ACCESS_KEY"),
        ({"CA_CERT_DATA": b"nonsense"}, "SecretMissing", "has no certificate in CA_CERT_DATA"),
        ({"CA_CERT_DATA": None}, "Unavailable", "UnknownIssuer"),
    ],
)
def test_keys_that_do_not_open_the_bucket_fail_every_verb_at_once(
    gateway: Gateway,
    bench: Workbench,
    keys: SecretFolder,
    verb: str,
    change: dict[str, bytes | None],
    reason: str,
    text: str,
) -> None:
    changed = gateway.secret() | change
    keys.write({name: value for name, value in changed.items() if value is not None})
    ended = _timed(bench, verb)
    assert ended.reason == reason
    assert text in ended.text
    assert WRITER[1] not in ended.printed
    assert _digests(gateway.files) == {}


@pytest.mark.parametrize("verb", _VERBS)
@pytest.mark.parametrize("reason", ["NoBucket", "Unavailable"])
def test_a_missing_bucket_and_a_server_that_is_away_fail_every_verb_at_once(
    gateway: Gateway, bench: Workbench, verb: str, reason: str
) -> None:
    server = gateway.url if reason == "NoBucket" else "https://127.0.0.1:1"
    bench.storage_args = [f"--storage=s3:{server}/no-such-bucket/dem1"]
    assert _timed(bench, verb).reason == reason
    assert not (gateway.data / "no-such-bucket").exists()


def test_a_key_that_may_only_read_fails_every_verb_at_once(
    gateway: Gateway, used: Workbench, keys: SecretFolder
) -> None:
    _fill(used, 1)
    used.backup(1).succeeded()
    before = _digests(gateway.files)
    keys.write(gateway.secret(READER))
    reasons = {verb: _timed(used, verb).reason for verb in _VERBS}
    assert reasons == dict.fromkeys(_VERBS, "AccessDenied")
    assert _digests(gateway.files) == before


def test_what_is_backed_up_into_a_bucket_comes_back_from_it(
    gateway: Gateway, used: Workbench
) -> None:
    day_one = _fill(used, 1)
    used.backup(1).succeeded()
    last = _fill(used, 2)
    used.backup(2).succeeded()
    assert last != day_one

    done = used.retain(3, "--keep-last=2").succeeded().result.retention
    assert done is not None
    assert done.removed == (snapshot_name(0),)
    assert len(used.restic("snapshots", "--no-lock")) == 2
    assert used.restic("check", "--no-lock")["num_errors"] == 0
    kept = [path.stem for path in sorted((used.directory / "snapshots").iterdir())]
    assert kept == [snapshot_name(1), snapshot_name(2)]

    for path in used.volume.rglob("*"):
        if path.is_file():
            path.unlink()
    used.restore(used.record(snapshot_name(2))).succeeded()
    assert _digests(used.volume) == last
    used.restore(used.record(snapshot_name(1))).succeeded()
    assert _digests(used.volume) == day_one
    assert not (used.repository / "locks").exists()
    assert sorted(path.name for path in gateway.files.iterdir()) == ["demo", "metadata.yaml"]


def test_the_flags_reach_restic_and_the_metadata_alike(
    gateway: Gateway, bench: Workbench, keys: SecretFolder
) -> None:
    """Without the authority nobody could reach this server, but for insecure TLS."""
    keys.write({name: value for name, value in gateway.secret().items() if name != "CA_CERT_DATA"})
    bench.storage_args = [
        *bench.storage_args,
        "--insecure-tls=true",
        "--region=us-east-1",
        "--connections=2",
    ]
    bench.init_storage().succeeded()
    bench.init_repository().succeeded()
    _fill(bench, 0)
    bench.backup(0).succeeded()
    bench.storage_args = [*bench.storage_args[:2], "--region=eu-elsewhere-9"]
    ended = bench.backup(1)
    assert ended.reason == "Unavailable"
    assert "AuthorizationHeaderMalformed" in ended.text


def test_a_server_that_goes_away_in_the_middle_is_named_and_used_again(
    gateway: Gateway, used: Workbench
) -> None:
    whole = used.volume / "large"
    whole.write_bytes(os.urandom(1 << 20))
    deadline = f"{NOW + timedelta(days=1, seconds=4):%Y-%m-%dT%H:%M:%SZ}"
    plan = used.backup_plan(1, deadline=deadline)
    worker = used.start(used.backup_args(1), plan, 1)
    try:
        wait_until("restic's lock", (used.repository / "locks").exists)
        gateway.stop()
        ended = used.wait(worker)
    finally:
        gateway.start()
    assert ended.reason == "DeadlineExceeded"
    assert "connection refused" in ended.text
    used.backup(2, terminatedPods=[socket.gethostname()]).succeeded()
    for path in used.volume.rglob("*"):
        if path.is_file():
            path.unlink()
    used.restore(used.record(snapshot_name(2))).succeeded()
    assert whole.stat().st_size == 1 << 20


def test_a_second_writer_is_seen_in_a_bucket_too(used: Workbench) -> None:
    ended = used.backup(1, claimUid="another-claim")
    assert ended.reason == "RestoreExpected"


def test_a_requested_restore_from_a_bucket_happens_once(
    gateway: Gateway, used: Workbench, keys: SecretFolder
) -> None:
    wanted = _digests(used.volume)
    lost = used.volume / "a"
    lost.unlink()
    snapshot = used.record(snapshot_name(0))
    # A key that may not write cannot begin, and a volume is not touched without a record.
    keys.write(gateway.secret(READER))
    assert used.restore(snapshot, order=ORDER).reason == "AccessDenied"
    assert not lost.exists()
    keys.write(gateway.secret())
    used.restore(snapshot, order=ORDER).succeeded()
    assert _digests(used.volume) == wanted
    record = ledger(used)
    assert record["state"] == "done"

    lost.unlink()
    ended = used.restore(snapshot, order=ORDER, clusterUid="rebuilt").succeeded()
    assert ended.result.restored_before is not None
    assert not lost.exists()
    assert ledger(used) == record

    ledger_file(used).write_text(json.dumps({**record, "state": "writing"}), encoding="utf-8")
    other = {**ORDER, "request": "another"}
    assert used.restore(snapshot, order=other).reason == "NonceReused"
    assert not lost.exists()
    used.restore(snapshot, order=ORDER).succeeded()
    assert _digests(used.volume) == wanted
    assert ledger(used)["state"] == "done"


def test_an_initialised_storage_stays_as_it_is(gateway: Gateway, used: Workbench) -> None:
    before = _digests(gateway.files)
    used.init_storage().succeeded()
    used.init_repository().succeeded()
    assert _digests(gateway.files) == before


def test_a_worker_on_a_bucket_stays_small(bench: Workbench) -> None:
    bench.worker = ("-c", WITH_PEAK)
    assert peak_kb(bench.init_storage().succeeded()) <= MOST_MEMORY_KB
