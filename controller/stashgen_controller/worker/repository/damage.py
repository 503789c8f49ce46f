"""That a repository is damaged, recorded beside it: the Repository object may go, the bucket stays.

Only damage is recorded. That a file says all is well would prove nothing, so none does.
"""

import contextlib
import json
from dataclasses import dataclass

from stashgen.api.base import JsonObject, format_time
from stashgen.kubestash import layout
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.run import RunContext, RunFailedError
from stashgen_controller.worker.storage.base import StorageError

_ALL = 100


@dataclass(frozen=True, slots=True)
class DataPart:
    """The part of the stored data that a check read.

    Attributes:
        percent: Its share, 1 to 100.
        number: Which of them, counted on from check to check.
    """

    percent: int
    number: int

    def flag(self) -> str:
        """What restic has to be told.

        Its parts (``n/t``) are by the names of the stored files: after ``t`` checks all of them
        have had their turn, while a share chosen at random would leave out a third by then.
        """
        parts = 100 // self.percent
        if parts == 1:
            return "--read-data"
        return f"--read-data-subset={self.number % parts + 1}/{parts}"


def record_damage(run: RunContext, part: DataPart | None = None) -> None:
    """Leave word of damage for whoever reads the bucket later.

    What was found is in the result in any case: a storage that takes no file hides none of it.
    A check that reads data reads the part that is recorded, unless none is or a person says that it
    was repaired: so the part in which it finds damage is the one to be recorded from then on.

    Args:
        run: The run that found it.
        part: The data that was read; None for a run that reads none, such as a backup.
    """
    path = layout.damage_file(run.directory)
    record: JsonObject = {"since": format_time(run.now())}
    with contextlib.suppress(StorageError):
        if part is None:
            run.bucket.create(path, json.dumps(record).encode())
        else:
            record |= {"checkNumber": part.number, "readPercent": part.percent}
            run.bucket.write(path, json.dumps(record).encode())


def record_repair(run: RunContext) -> None:
    """Take it back, after a check of all of the repository found none; the next check tries again.

    One that stays has the repository of a rebuilt cluster checked before anything is removed.
    """
    with contextlib.suppress(StorageError):
        if is_recorded_as_damaged(run):
            run.bucket.delete(layout.damage_file(run.directory))


def damaged_part(run: RunContext, unsaid: int = _ALL) -> DataPart | None:
    """The data whose reading found the damage; None where it was found without that.

    Only a check that reads the same can find that the damage is gone. The record is anybody's: one
    that says anything else has another part read, or none.

    Args:
        run: The run that asks.
        unsaid: The share that the policy has read, 0 for none: earlier versions recorded the number
            of the check only.
    """
    try:
        record = json.loads(run.bucket.read(layout.damage_file(run.directory)) or b"{}")
    except (StorageError, ValueError, RecursionError):
        return None
    known = record if isinstance(record, dict) else {}
    number, percent = known.get("checkNumber"), known.get("readPercent", unsaid)
    if type(number) is not int or type(percent) is not int or not 1 <= percent <= _ALL:
        return None
    return DataPart(percent, number)


def refuse_damaged(run: RunContext) -> None:
    """Stop what removes something where damage is recorded, whoever found it and when.

    What is damaged may hold the last whole copy of a file in any of its Snapshots.

    Raises:
        RunFailedError: RepositoryDamaged.
        StorageError: the storage does not respond.
    """
    if is_recorded_as_damaged(run):
        msg = "an earlier check found damage: nothing is removed until a check finds none"
        raise RunFailedError(ErrorClass.REPOSITORY_DAMAGED, msg)


def is_recorded_as_damaged(run: RunContext) -> bool:
    """Whether a check found damage, and no later one of all of it found none.

    That the file is there says so. It is not read: it may be anybody's, and of any size.

    Raises:
        StorageError: the storage does not respond.
    """
    folder, _, name = layout.damage_file(run.directory).rpartition("/")
    return name in run.bucket.names(folder)
