"""The worker's verbs on a bucket of a real S3 server, with the real restic."""

import json
import time

import pytest

from tests.api_contract.s3.volume import digests, fill
from tests.support.gateway import READER, WRITER, Gateway, SecretFolder
from tests.support.peak_memory import MOST_MEMORY_KB, WITH_PEAK, peak_kb
from tests.support.restore_ledger import ORDER, ledger, ledger_file
from tests.support.workbench import (
    COMPONENT,
    Ended,
    Json,
    Workbench,
    snapshot_name,
)

_QUICK_SECONDS = 60.0
_VERBS = ("init-storage", "init-repository", "backup", "restore", "retain")


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
    assert digests(gateway.files) == {}


@pytest.mark.parametrize("verb", _VERBS)
@pytest.mark.parametrize("reason", ["NoBucket", "Unavailable"])
def test_a_missing_bucket_and_a_server_that_is_away_fail_every_verb_at_once(
    gateway: Gateway, bench: Workbench, verb: str, reason: str
) -> None:
    server = gateway.url if reason == "NoBucket" else "https://127.0.0.1:1"
    bench.storage_args = [f"--storage=s3:{server}/no-such-bucket/dem1"]
    assert _timed(bench, verb).reason == reason
    assert not (gateway.data / "no-such-bucket").exists()


def test_a_key_that_may_only_read_fails_every_verb_that_writes_at_once(
    gateway: Gateway, used: Workbench, keys: SecretFolder
) -> None:
    fill(used, 1)
    used.backup(1).succeeded()
    before = digests(gateway.files)
    keys.write(gateway.secret(READER))
    reasons = {verb: _timed(used, verb).reason for verb in ("backup", "restore", "retain")}
    # A restore only reads.
    assert reasons == {"backup": "AccessDenied", "restore": "NoSnapshot", "retain": "AccessDenied"}
    assert digests(gateway.files) == before


@pytest.mark.parametrize("is_own", [True, False])
def test_read_only_key_restores_without_a_lock(
    gateway: Gateway, used: Workbench, keys: SecretFolder, *, is_own: bool
) -> None:
    wanted = digests(used.volume)
    snapshot = used.record(snapshot_name(0))
    before = digests(gateway.files)
    keys.write(gateway.secret(READER))
    (used.volume / "a").unlink()
    cluster = {} if is_own else {"clusterUid": "rebuilt"}
    ended = used.restore(snapshot, adopt=True, **cluster)
    assert digests(used.volume) == wanted
    assert digests(gateway.files) == before
    if is_own:
        ended.succeeded()
    else:
        # Everything is there; that the volume is the bucket's writer now could not be recorded.
        assert ended.reason == "AccessDenied"


def test_what_is_backed_up_into_a_bucket_comes_back_from_it(
    gateway: Gateway, used: Workbench
) -> None:
    day_one = fill(used, 1)
    used.backup(1).succeeded()
    last = fill(used, 2)
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
    assert digests(used.volume) == last
    used.restore(used.record(snapshot_name(1))).succeeded()
    assert digests(used.volume) == day_one
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
    fill(bench, 0)
    bench.backup(0).succeeded()
    bench.storage_args = [*bench.storage_args[:2], "--region=eu-elsewhere-9"]
    ended = bench.backup(1)
    assert ended.reason == "Unavailable"
    assert "AuthorizationHeaderMalformed" in ended.text


def test_a_second_writer_is_seen_in_a_bucket_too(used: Workbench) -> None:
    ended = used.backup(1, claimUid="another-claim")
    assert ended.reason == "RestoreExpected"


def test_a_requested_restore_from_a_bucket_happens_once(
    gateway: Gateway, used: Workbench, keys: SecretFolder
) -> None:
    wanted = digests(used.volume)
    lost = used.volume / "a"
    lost.unlink()
    snapshot = used.record(snapshot_name(0))
    # A key that may not write cannot begin, and a volume is not touched without a record.
    keys.write(gateway.secret(READER))
    assert used.restore(snapshot, order=ORDER).reason == "AccessDenied"
    assert not lost.exists()
    keys.write(gateway.secret())
    used.restore(snapshot, order=ORDER).succeeded()
    assert digests(used.volume) == wanted
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
    assert digests(used.volume) == wanted
    assert ledger(used)["state"] == "done"


def test_an_initialised_storage_stays_as_it_is(gateway: Gateway, used: Workbench) -> None:
    before = digests(gateway.files)
    used.init_storage().succeeded()
    used.init_repository().succeeded()
    assert digests(gateway.files) == before


def test_a_worker_on_a_bucket_stays_small(bench: Workbench) -> None:
    bench.worker = ("-c", WITH_PEAK)
    assert peak_kb(bench.init_storage().succeeded()) <= MOST_MEMORY_KB
