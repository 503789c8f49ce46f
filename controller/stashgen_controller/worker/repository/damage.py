"""That a repository is damaged, recorded beside it: the Repository object may go, the bucket stays.

Only damage is recorded. That a file says all is well would prove nothing, so none does.
"""

import contextlib
import json

from stashgen.api.base import JsonObject, format_time
from stashgen.kubestash import layout
from stashgen_controller.worker.run import RunContext
from stashgen_controller.worker.storage.base import StorageError


def record_damage(run: RunContext, check_number: int | None = None) -> None:
    """Leave word of damage for whoever reads the bucket later.

    What was found is in the result in any case: a storage that takes no file hides none of it.

    Args:
        run: The run that found it.
        check_number: Says which part of the data was read; None for a backup, which reads none.
    """
    record: JsonObject = {"since": format_time(run.now())}
    if check_number is not None:
        record["checkNumber"] = check_number
    with contextlib.suppress(StorageError):
        run.bucket.create(layout.damage_file(run.directory), json.dumps(record).encode())


def record_repair(run: RunContext) -> None:
    """Take it back, after a check of all of the repository found none; the next check tries again.

    One that stays has the repository of a rebuilt cluster checked before anything is removed.
    """
    with contextlib.suppress(StorageError):
        if is_recorded_as_damaged(run):
            run.bucket.delete(layout.damage_file(run.directory))


def damaged_part(run: RunContext) -> int | None:
    """The number of the check that found the damage; None where none is known.

    Only a check of the same part of the data can find that it is gone. The record is anybody's:
    another number has another part read.
    """
    try:
        record = json.loads(run.bucket.read(layout.damage_file(run.directory)) or b"{}")
    except (StorageError, ValueError, RecursionError):
        return None
    number = record.get("checkNumber") if isinstance(record, dict) else None
    return number if type(number) is int else None


def is_recorded_as_damaged(run: RunContext) -> bool:
    """Whether a check found damage, and no later one of all of it found none.

    That the file is there says so. It is not read: it may be anybody's, and of any size.

    Raises:
        StorageError: the storage does not respond.
    """
    folder, _, name = layout.damage_file(run.directory).rpartition("/")
    return name in run.bucket.names(folder)
