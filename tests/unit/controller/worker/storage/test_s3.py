"""A bucket without a server: what obstore's words mean, and its store in memory."""

from pathlib import Path

import pytest
from obstore.exceptions import GenericError, PermissionDeniedError
from obstore.store import MemoryStore

from stashgen.kubestash.backends.s3 import AddressingStyle
from stashgen.kubestash.layout import UnsafePathError
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.storage.base import StorageError
from stashgen_controller.worker.storage.s3 import ObjectFileSystem, S3Bucket, refusal
from stashgen_controller.worker.storage.s3_access import Credentials

_REQUEST = "Generic S3 error: Error performing PUT https://minio/b/a in 1ms"
_KEYS = Credentials("key", "secret", None)


def _answer(status: str, code: str, message: str = "Words.") -> str:
    xml = f"<Error><Code>{code}</Code><Message>{message}</Message><Key>a</Key></Error>"
    return f"{_REQUEST} - Server returned non-2xx status code: {status}: {xml}"


def _no_answer(cause: str) -> str:
    return f"{_REQUEST} - HTTP error: error sending request\n\nDebug source:\nHttp(\n{cause}\n)"


@pytest.mark.parametrize(
    ("text", "reason", "message"),
    [
        (_answer("403 Forbidden", "AccessDenied"), "AccessDenied", "AccessDenied: Words."),
        (_answer("403 Forbidden", "InvalidAccessKeyId"), "AccessDenied", "InvalidAccessKeyId: "),
        (_answer("403 Forbidden", "RequestTimeTooSkewed"), "AccessDenied", "RequestTimeTooSkewed"),
        (_answer("401 Unauthorized", "Whatever"), "AccessDenied", "Whatever: Words."),
        (_answer("404 Not Found", "NoSuchBucket"), "NoBucket", "NoSuchBucket: Words."),
        (_answer("400 Bad Request", "InvalidBucketName"), "NoBucket", "InvalidBucketName"),
        (_answer("507 Insufficient Storage", "XMinioStorageFull"), "NoSpace", "XMinioStorageFull"),
        (_answer("507 Insufficient Storage", "Anything"), "NoSpace", "Anything"),
        (_answer("501 Not Implemented", "NotImplemented"), "InvalidBucket", "NotImplemented"),
        (_answer("503 Service Unavailable", "SlowDown"), "Unavailable", "SlowDown: Words."),
        (
            "DeleteObjects request failed for key a: No. (code: AccessDenied)",
            "AccessDenied",
            "AccessDenied: DeleteObjects request failed for key a: No. (code: AccessDenied)",
        ),
        (
            _no_answer('Os { code: 111, message: "Connection refused" }'),
            "Unavailable",
            f"{_REQUEST} - HTTP error: error sending request: Connection refused",
        ),
        (
            _no_answer("InvalidCertificate(\n    UnknownIssuer,\n)"),
            "Unavailable",
            f"{_REQUEST} - HTTP error: error sending request: UnknownIssuer",
        ),
        (_REQUEST, "Unavailable", _REQUEST),
        ("", "Unavailable", "no response"),
    ],
)
def test_what_a_store_says_has_a_class_and_one_line(text: str, reason: str, message: str) -> None:
    found = refusal(GenericError(text))
    assert found.reason.value == reason
    assert str(found).startswith(message)
    assert "\n" not in str(found)
    assert refusal(PermissionDeniedError(text)).reason == found.reason


@pytest.mark.parametrize("address", ["s3:minio/b", "s3:https://minio", "s3:https://minio/", "b"])
def test_what_is_no_address_of_a_bucket_is_refused(address: str) -> None:
    with pytest.raises(StorageError, match="is not a bucket address"):
        S3Bucket(address, _KEYS, region=None, insecure_tls=False, connections=None)


@pytest.mark.parametrize(
    ("endpoint", "proxy"),
    [
        ("https://minio:99999", "http://proxy:3128"),
        ("https://minio", "http://user:pa/ss@proxy:3128"),
        ("https://minio", "http://user:pa#ss@proxy:3128"),
    ],
)
def test_an_address_that_cannot_be_used_is_an_error_without_its_password(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(StorageError, match="no valid address") as refused:
        S3Bucket(f"s3:{endpoint}/b", _KEYS, region=None, insecure_tls=False, connections=None)
    assert refused.value.reason is ErrorClass.UNAVAILABLE


def test_a_path_that_an_address_cannot_have_is_refused() -> None:
    bucket = S3Bucket("s3:https://minio/b/p", _KEYS, region="r", insecure_tls=True, connections=3)
    assert bucket.address("/a//b/") == "s3:https://minio/b/p/a/b"
    for path in ("a/../b", "50%", "a?b", "a#b"):
        with pytest.raises(UnsafePathError):
            bucket.address(path)


def test_restic_is_told_what_the_flags_say() -> None:
    access = S3Bucket(
        "s3:http://minio:9000/b", _KEYS, region="r", insecure_tls=True, connections=3
    ).access
    assert access.environment == {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "r",
    }
    assert access.flags == ["--insecure-tls", "--option", "s3.connections=3"]


@pytest.mark.parametrize(("style", "lookup"), [("virtual", "dns"), ("path", "path")])
def test_restic_has_names_of_its_own_for_how_a_bucket_is_named(style: str, lookup: str) -> None:
    bucket = S3Bucket(
        "s3:http://minio:9000/b",
        _KEYS,
        region="r",
        insecure_tls=False,
        connections=None,
        addressing_style=AddressingStyle(style),
    )
    assert bucket.access.flags == ["--option", f"s3.bucket-lookup={lookup}"]
    # restic puts the bucket before the host by itself.
    assert bucket.address("a") == "s3:http://minio:9000/b/a"


def test_keys_are_not_shown() -> None:
    assert "hidden" not in repr(Credentials("key", "hidden", Path("/ca")))


@pytest.fixture
def files() -> ObjectFileSystem:
    """obstore's own store in memory."""
    return ObjectFileSystem(MemoryStore())


def test_a_file_is_made_once_with_mode_create(files: ObjectFileSystem) -> None:
    files.pipe_file("a/b", b"one", mode="create")
    with pytest.raises(FileExistsError):
        files.pipe_file("a/b", b"two", mode="create")
    assert files.cat_file("a/b") == b"one"
    files.pipe_file("a/b", b"three")
    assert files.cat_file("a/b") == b"three"


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(None, None, b"12345"), (0, 5, b"12345"), (0, 6, b"12345"), (0, 3, b"123"), (2, 4, b"34"),
     (2, 9, b"345"), (2, None, b"345")],
)  # fmt: skip
def test_a_part_of_a_file_is_read(
    files: ObjectFileSystem, start: int | None, end: int | None, expected: bytes
) -> None:
    files.pipe_file("a", b"12345")
    assert files.cat_file("a", start=start, end=end) == expected


def test_an_empty_file_is_no_missing_one(files: ObjectFileSystem) -> None:
    files.pipe_file("a", b"")
    assert files.cat_file("a", start=0, end=10) == b""
    with pytest.raises(FileNotFoundError):
        files.cat_file("b", start=0, end=10)


def test_a_listing_has_times_and_nothing_from_deeper(files: ObjectFileSystem) -> None:
    for name in ("f/a", "f/deep/b", "f-2/c"):
        files.pipe_file(name, b"1")
    (item,) = files.ls("f", detail=True)
    assert (item["name"], item["type"], item["size"]) == ("f/a", "file", 1)
    assert isinstance(item["mtime"], float)
    assert files.ls("none") == []
