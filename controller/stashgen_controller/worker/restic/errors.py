"""The class of a restic command's failure: by its exit code, else by where it failed.

Exit codes: restic manual, "Scripting", since 0.17 (10 no repository, 11 locked, 12 wrong password,
3 source incomplete, 130 interrupted). Any other failure is 1. Words only tell apart what can go
wrong in the same place.
"""

from collections.abc import Iterable, Sequence

from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.restic.complaints import DAMAGED, Where
from stashgen_controller.worker.restic.output import Output

SOURCE_INCOMPLETE = 3
_EXIT_CODES = {
    10: ErrorClass.NO_REPOSITORY,
    11: ErrorClass.LOCKED,
    12: ErrorClass.WRONG_PASSWORD,
    130: ErrorClass.INTERRUPTED,
}
_FULL = ("no space left on device", "disk quota exceeded", "file too large")
_SOURCE_MISSING = "all source directories/files do not exist"
# restic's constants: a temporary file, wherever that is.
_TEMPORARY = "restic-temp-"
_OF_THE_STORAGE = (
    *((text, ErrorClass.NO_SPACE) for text in _FULL),
    ("no matching id found", ErrorClass.NO_SNAPSHOT),
    ("repository contains errors", ErrorClass.REPOSITORY_DAMAGED),
    *((text.lower(), ErrorClass.REPOSITORY_DAMAGED) for text in DAMAGED),
    # restic's constants, where prune refuses to begin.
    ("index is not complete", ErrorClass.REPOSITORY_DAMAGED),
    ("packs from index missing in repo", ErrorClass.REPOSITORY_DAMAGED),
    ("pack size does not match calculated size", ErrorClass.REPOSITORY_DAMAGED),
    ("access denied", ErrorClass.ACCESS_DENIED),
    ("access key id you provided does not exist", ErrorClass.ACCESS_DENIED),
    ("signature we calculated does not match", ErrorClass.ACCESS_DENIED),
    ("specified bucket does not exist", ErrorClass.NO_BUCKET),
    ("connection refused", ErrorClass.UNAVAILABLE),
    ("failed to verify certificate", ErrorClass.UNAVAILABLE),
    ("no such host", ErrorClass.UNAVAILABLE),
    ("i/o timeout", ErrorClass.UNAVAILABLE),
    ("input/output error", ErrorClass.UNAVAILABLE),
    ("transport endpoint", ErrorClass.UNAVAILABLE),
    ("stale file handle", ErrorClass.UNAVAILABLE),
    ("stale nfs file handle", ErrorClass.UNAVAILABLE),
    ("permission denied", ErrorClass.ACCESS_DENIED),
    ("operation not permitted", ErrorClass.ACCESS_DENIED),
    ("read-only file system", ErrorClass.UNAVAILABLE),
    # Last: the reason why it is not found may be one of those above.
    ("failed to find snapshot", ErrorClass.NO_SNAPSHOT),
)
# A file of the repository is not there, though its index says so.
_MISSING_FILE = ("no such file or directory", "specified key does not exist")


def error_class(
    command: str, exit_code: int, output: Output, scratch: Sequence[str] = ()
) -> ErrorClass:
    """Why a command failed.

    Args:
        command: restic's.
        exit_code: Not 0.
        output: All that it said.
        scratch: The pod's own folders, which restic uses beside the repository.
    """
    known = _EXIT_CODES.get(exit_code)
    if known is not None:
        return known
    if command == "backup" and (
        exit_code == SOURCE_INCOMPLETE or _SOURCE_MISSING in (output.fatal or "")
    ):
        return ErrorClass.SOURCE_INCOMPLETE
    fatal = output.fatal or ""
    if _is_about(fatal, scratch, output.repository):
        return ErrorClass.SCRATCH_FULL if _has(fatal, _FULL) else ErrorClass.INTERNAL
    storage, target = output.complaints[Where.STORAGE], output.complaints[Where.TARGET]
    if storage.count:
        return of_storage(storage.texts)
    if target.count:
        is_full = any(_has(text, _FULL) for text in target.texts)
        return ErrorClass.TARGET_FULL if is_full else ErrorClass.TARGET_REFUSED
    if output.complaints[Where.METADATA].count:
        return ErrorClass.TARGET_REFUSED
    return of_storage([fatal, *output.general.texts])


def of_storage(texts: Iterable[str]) -> ErrorClass:
    """What went wrong in a repository or in its storage."""
    text = "; ".join(texts)
    lowered = text.lower()
    found = next((kind for part, kind in _OF_THE_STORAGE if part in lowered), None)
    if found is None and "<data/" in text and _has(text, _MISSING_FILE):
        return ErrorClass.REPOSITORY_DAMAGED
    return found or ErrorClass.INTERNAL


def _is_about(fatal: str, scratch: Sequence[str], repository: str) -> bool:
    """Whether restic's last word is about a file of its own, not about one of the repository."""
    if repository and repository in fatal:
        return False
    return _TEMPORARY in fatal or any(f"{folder}/" in fatal for folder in scratch)


def _has(text: str, parts: Sequence[str]) -> bool:
    lowered = text.lower()
    return any(part in lowered for part in parts)
