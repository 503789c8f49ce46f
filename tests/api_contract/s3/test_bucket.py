"""A bucket as the worker uses it, on a real S3 server; what is refused comes first."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from stashgen_controller.worker.storage.base import StorageError
from stashgen_controller.worker.storage.s3 import S3Bucket
from stashgen_controller.worker.storage.s3_access import Credentials
from tests.support.gateway import BUCKET, READER, WRITER, Gateway

_USE: list[Callable[[S3Bucket], object]] = [
    lambda bucket: bucket.read("a"),
    lambda bucket: bucket.names("folder"),
    lambda bucket: bucket.write("a", b"1"),
    lambda bucket: bucket.create("a", b"1"),
    lambda bucket: bucket.delete("a"),
    lambda bucket: bucket.require(),
]
_WRITES = _USE[2:5]
# More than obstore waits for a connection by itself.
_BUSY_SECONDS = 6.0


def _bucket(
    gateway: Gateway,
    credentials: Credentials | None = None,
    *,
    name: str = BUCKET,
    insecure_tls: bool = False,
    url: str | None = None,
) -> S3Bucket:
    return S3Bucket(
        f"s3:{url or gateway.url}/{name}/{gateway.prefix}",
        credentials or gateway.credentials(),
        region=None,
        insecure_tls=insecure_tls,
        connections=None,
    )


@pytest.fixture
def bucket(gateway: Gateway) -> S3Bucket:
    """The bucket with the writer's keys."""
    return _bucket(gateway)


def _refusal(use: Callable[[S3Bucket], object], bucket: S3Bucket) -> tuple[str, str]:
    with pytest.raises(StorageError) as refused:
        use(bucket)
    return refused.value.reason.value, str(refused.value)


@pytest.mark.parametrize("use", _USE)
@pytest.mark.parametrize(
    ("user", "code"),
    [(("writer", "wrong"), "SignatureDoesNotMatch"), (("nobody", "x"), "InvalidAccessKeyId")],
)
def test_wrong_keys_are_denied(
    gateway: Gateway, use: Callable[[S3Bucket], object], user: tuple[str, str], code: str
) -> None:
    reason, text = _refusal(use, _bucket(gateway, gateway.credentials(user)))
    assert reason == "AccessDenied"
    assert text.startswith(code)
    assert user[1] not in text.split()


@pytest.mark.parametrize("use", _WRITES)
def test_a_key_that_may_only_read_is_denied_every_change(
    gateway: Gateway, bucket: S3Bucket, use: Callable[[S3Bucket], object]
) -> None:
    bucket.write("a", b"before")
    reader = _bucket(gateway, gateway.credentials(READER))
    assert reader.read("a") == b"before"
    reason, text = _refusal(use, reader)
    assert (reason, text.startswith("AccessDenied")) == ("AccessDenied", True)
    assert bucket.read("a") == b"before"


@pytest.mark.parametrize("use", _USE)
def test_a_bucket_that_is_missing_is_never_an_empty_one(
    gateway: Gateway, use: Callable[[S3Bucket], object]
) -> None:
    reason, text = _refusal(use, _bucket(gateway, name="no-such-bucket"))
    assert (reason, text) == ("NoBucket", "NoSuchBucket: The specified bucket does not exist.")


@pytest.mark.parametrize("use", _USE)
def test_a_server_that_is_away_is_named_with_the_cause(
    gateway: Gateway, use: Callable[[S3Bucket], object]
) -> None:
    reason, text = _refusal(use, _bucket(gateway, url="https://127.0.0.1:1"))
    assert reason == "Unavailable"
    assert text.endswith("Connection refused")
    assert "\n" not in text


def test_a_server_that_is_busy_is_waited_for(gateway: Gateway, bucket: S3Bucket) -> None:
    """Many workers begin at once; a create-only write has one try, whose connection is slow."""
    gateway.pause()
    with ThreadPoolExecutor(1) as pool:
        created = pool.submit(bucket.create, "slow", b"1")
        time.sleep(_BUSY_SECONDS)
        gateway.resume()
        assert created.result() is True
    assert bucket.read("slow") == b"1"


def test_a_server_of_another_authority_is_not_trusted(gateway: Gateway) -> None:
    for authority in (None, gateway.other_authority):
        reason, text = _refusal(_USE[0], _bucket(gateway, Credentials(*WRITER, authority)))
        assert reason == "Unavailable"
        assert text.endswith("UnknownIssuer")
    trusting = _bucket(gateway, Credentials(*WRITER, None), insecure_tls=True)
    assert trusting.read("a") is None


def test_a_file_larger_than_the_limit_is_not_read(bucket: S3Bucket) -> None:
    bucket.write("a", b"12345")
    assert bucket.read("a", limit_bytes=5) == b"12345"
    reason, text = _refusal(lambda found: found.read("a", limit_bytes=4), bucket)
    assert (reason, text) == ("InvalidBucket", "a is larger than 4 bytes")


def test_files_are_below_the_prefix_and_nowhere_else(gateway: Gateway, bucket: S3Bucket) -> None:
    bucket.write("demo/a.yaml", b"one")
    bucket.write("demo/a.yaml", b"two")
    bucket.write("demo/empty", b"")
    assert bucket.read("demo/a.yaml") == b"two"
    assert bucket.read("demo/empty") == b""
    assert (gateway.files / "demo/a.yaml").read_bytes() == b"two"
    assert bucket.address("demo/x") == f"{gateway.storage}/demo/x"
    bucket.delete("demo/a.yaml")
    bucket.delete("demo/a.yaml")
    assert bucket.read("demo/a.yaml") is None
    assert [path.name for path in (gateway.files / "demo").iterdir()] == ["empty"]


def test_names_are_the_folders_own_files_the_oldest_first(
    gateway: Gateway, bucket: S3Bucket
) -> None:
    for age, name in enumerate(("c", "a", "b")):
        bucket.write(f"folder/{name}", b"1")
        os.utime(gateway.files / "folder" / name, (1_700_000_000 + age, 1_700_000_000 + age))
    bucket.write("folder/deep/d", b"1")
    bucket.write("folder-2/e", b"1")
    assert bucket.names("folder") == ["c", "a", "b"]
    assert bucket.names("nothing") == []


def test_of_many_who_create_one_file_exactly_one_succeeds(
    gateway: Gateway, bucket: S3Bucket
) -> None:
    def create(number: int) -> bool:
        return _bucket(gateway).create("one", str(number).encode())

    with ThreadPoolExecutor(8) as pool:
        created = list(pool.map(create, range(24)))
    assert created.count(True) == 1
    assert bucket.read("one") == str(created.index(True)).encode()


_ASK_AND_END = """
import sys
from pathlib import Path
from stashgen_controller.worker.storage.s3 import S3Bucket
from stashgen_controller.worker.storage.s3_access import Credentials
from stashgen_controller.worker.storage.base import StorageError
for address in sys.argv[4:]:
    bucket = S3Bucket(address, Credentials(sys.argv[1], sys.argv[2], Path(sys.argv[3])),
                      region=None, insecure_tls=False, connections=None)
    try:
        bucket.read("a")
    except StorageError:
        pass
"""


def test_no_process_aborts_at_its_end(gateway: Gateway) -> None:
    """A worker's exit code is its pod's: an abort after good work would be a failed backup."""
    addresses = [gateway.storage, "s3:https://127.0.0.1:1/bucket", "s3:https://x.invalid/bucket"]
    command = [sys.executable, "-c", _ASK_AND_END, *WRITER, str(gateway.authority), *addresses]

    def code(_: int) -> int:
        return subprocess.run(command, check=False).returncode

    # Most of the time they wait for addresses where nobody is.
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(code, range(8))) == [0] * 8
