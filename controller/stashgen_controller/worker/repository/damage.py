"""That a repository is damaged, recorded beside it: the Repository object may go, the bucket stays.

Only damage is recorded. That a file says all is well would prove nothing, so none does.
"""

import contextlib
import json

from stashgen.api.base import format_time
from stashgen.kubestash import layout
from stashgen_controller.worker.run import RunContext
from stashgen_controller.worker.storage.base import StorageError


def record_damage(run: RunContext) -> None:
    """Leave word of damage for whoever reads the bucket later.

    What was found is in the result in any case: a storage that takes no file hides none of it.
    """
    record = {"since": format_time(run.now())}
    with contextlib.suppress(StorageError):
        run.bucket.create(layout.damage_file(run.directory), json.dumps(record).encode())


def record_repair(run: RunContext) -> None:
    """Take it back, after a check of all of the repository found none; the next check tries again.

    One that stays has the repository of a rebuilt cluster checked before anything is removed.
    """
    with contextlib.suppress(StorageError):
        if is_recorded_as_damaged(run):
            run.bucket.delete(layout.damage_file(run.directory))


def is_recorded_as_damaged(run: RunContext) -> bool:
    """Whether a check found damage, and no later one of all of it found none.

    That the file is there says so. It is not read: it may be anybody's, and of any size.

    Raises:
        StorageError: the storage does not respond.
    """
    folder, _, name = layout.damage_file(run.directory).rpartition("/")
    return name in run.bucket.names(folder)
