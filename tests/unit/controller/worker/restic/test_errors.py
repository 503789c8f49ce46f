import json

import pytest

from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.restic.errors import error_class
from stashgen_controller.worker.restic.output import Output

_STORE = "/kubestash-backend/shop/library"
_FILE = "/kubestash-data/orders.db"


def output(fatal: str = "", *lines: object) -> Output:
    found = Output(repository=_STORE)
    for line in lines:
        found.feed(
            json.dumps(line).encode() if isinstance(line, dict) else str(line).encode(),
            is_error=True,
        )
    exit_error = {"message_type": "exit_error", "code": 1, "message": f"Fatal: {fatal}"}
    found.feed(json.dumps(exit_error).encode(), is_error=True)
    return found


def complaint(during: str, text: str, item: str = _FILE) -> dict[str, object]:
    error = {"message": text}
    return {"message_type": "error", "error": error, "during": during, "item": item}


@pytest.mark.parametrize(
    ("command", "code", "text", "reason"),
    [
        ("backup", 3, "at least one file: permission denied", ErrorClass.SOURCE_INCOMPLETE),
        ("forget", 3, "could not remove", ErrorClass.INTERNAL),
        ("backup", 10, "repository does not exist", ErrorClass.NO_REPOSITORY),
        ("forget", 11, "already locked: permission denied", ErrorClass.LOCKED),
        ("check", 12, "wrong password", ErrorClass.WRONG_PASSWORD),
        ("backup", 130, "", ErrorClass.INTERRUPTED),
        ("backup", 1, "all source directories/files do not exist", ErrorClass.SOURCE_INCOMPLETE),
        ("check", 1, "repository contains errors", ErrorClass.REPOSITORY_DAMAGED),
        ("backup", 1, "dial tcp: connection refused", ErrorClass.UNAVAILABLE),
        ("backup", 1, "Disk quota exceeded", ErrorClass.NO_SPACE),
        ("restore", 1, "failed to find snapshot: connection refused", ErrorClass.UNAVAILABLE),
        ("restore", 1, "failed to find snapshot: no such file", ErrorClass.NO_SNAPSHOT),
        ("stats", 1, "something new", ErrorClass.INTERNAL),
        ("backup", 2, "panic", ErrorClass.INTERNAL),
    ],
)
def test_exit_codes_and_fatal_errors_are_classes(
    command: str, code: int, text: str, reason: ErrorClass
) -> None:
    assert error_class(command, code, output(text)) is reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (f"write {_FILE}: no space left on device", ErrorClass.TARGET_FULL),
        (f"write {_FILE}: disk quota exceeded", ErrorClass.TARGET_FULL),
        (f"open {_FILE}: permission denied", ErrorClass.TARGET_REFUSED),
        (f"open {_FILE}: read-only file system", ErrorClass.TARGET_REFUSED),
        ("mkdir /kubestash-data: input/output error", ErrorClass.TARGET_REFUSED),
        (f"lchown {_FILE}: operation not permitted", ErrorClass.TARGET_REFUSED),
        (
            f"ReadFull(<data/4d25>): open {_STORE}/data/4d: permission denied",
            ErrorClass.ACCESS_DENIED,
        ),
        (f"open {_STORE}/data/4d/4d25: input/output error", ErrorClass.UNAVAILABLE),
        ("ReadFull(<data/4d25>): open x: no such file or directory", ErrorClass.REPOSITORY_DAMAGED),
        ("ReadFull(<data/4d25>): The specified key does not exist.", ErrorClass.REPOSITORY_DAMAGED),
        ('Get "https://s3": dial tcp: connection refused', ErrorClass.UNAVAILABLE),
        ("ciphertext verification failed", ErrorClass.REPOSITORY_DAMAGED),
    ],
)
def test_the_same_words_are_another_class_in_the_target_than_in_the_storage(
    text: str, reason: ErrorClass
) -> None:
    found = output("There were 1 errors", complaint("restore", text))
    assert error_class("restore", 1, found) is reason


def test_a_storage_that_fails_for_some_files_explains_a_restore_better_than_refused_owners() -> (
    None
):
    owner = complaint("restore", f"lchown {_FILE}: operation not permitted")
    data = complaint("restore", "ReadFull(<data/4d>): connection refused", "/kubestash-data/b")
    found = output("There were 2 errors", owner, data)
    assert error_class("restore", 1, found) is ErrorClass.UNAVAILABLE


def test_an_unreadable_file_says_nothing_about_the_storage() -> None:
    """The backup could not read one file, and then its storage went away."""
    found = output(
        "unable to save snapshot: dial tcp: connection refused",
        complaint("archival", f"open {_FILE}: permission denied"),
    )
    assert error_class("backup", 1, found) is ErrorClass.UNAVAILABLE


@pytest.mark.parametrize(
    ("fatal", "reason"),
    [
        ("Write: write /scratch/restic-temp-pack-36: no space left on device", "ScratchFull"),
        ("open /scratch/restic-cache/data/ab: no space left on device", "ScratchFull"),
        (f"write {_STORE}/data/e6/e6ad-tmp-32: no space left on device", "NoSpace"),
        ("open /scratch/restic-cache/data/ab: permission denied", "Internal"),
    ],
)
def test_a_full_scratch_folder_is_no_full_storage(fatal: str, reason: str) -> None:
    assert error_class("backup", 1, output(fatal), ["/scratch", "/scratch"]) == reason
