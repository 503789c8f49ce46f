"""maintain, verb upkeep: prune, check and measure a repository's restic repositories.

That is work on the whole history, and has its own rhythm; the plan says what of it is due.
"""

from argparse import Namespace

from stashgen_controller.protocol.run_result import REPOSITORY_UNUSABLE, ErrorClass, Upkeep
from stashgen_controller.worker.repository.locks import clear_stale_locks
from stashgen_controller.worker.repository.writer import record_writer
from stashgen_controller.worker.restic.process import Restic, ResticError
from stashgen_controller.worker.run import RunContext, RunFailedError
from stashgen_controller.worker.status_reporter import Reporter
from stashgen_controller.worker.verbs import Work
from stashgen_controller.worker.verbs.maintenance import (
    MaintainOrder,
    add_arguments,
    order_of,
    subject,
)

__all__ = ["add_arguments", "prepare", "subject"]

# Nothing else can be done here while one of these lasts; damage of one repository is its own.
_ENDS = (REPOSITORY_UNUSABLE - {ErrorClass.REPOSITORY_DAMAGED}) | {
    ErrorClass.INTERRUPTED,
    ErrorClass.DEADLINE_EXCEEDED,
    ErrorClass.ACCESS_DENIED,
}


def prepare(args: Namespace, reporter: Reporter) -> Work:
    """Prune, check and measure what the plan asks for."""
    del reporter
    order = order_of(args)
    return Work(lambda run: upkeep(run, order))


def upkeep(run: RunContext, order: MaintainOrder) -> None:
    """Prune, check and measure each session's restic repository, as far as it goes.

    What fails in one of them does not keep the others, nor the steps after it, from being done:
    a storage without room for a prune can still be checked. What was done is in ``run.upkeep``.

    Raises:
        RunFailedError: RestoreExpected: the repository belongs to another volume or cluster.
        ResticError, StorageError: damage, or else the first failure.
    """
    run.upkeep = Upkeep()
    if not record_writer(run).matches:
        msg = "another volume or cluster writes here; its repository is left alone"
        raise RunFailedError(ErrorClass.RESTORE_EXPECTED, msg)
    plan, failures = run.plan, _Failures()
    pruned: list[bool] = []
    intact: list[bool | None] = []
    sizes: list[int | None] = []
    for path in order.paths:
        restic = run.restic(path)
        clear_stale_locks(run, restic, path)
        if plan.prune:
            pruned.append(_prune(restic, failures, is_full=plan.storage_is_full))
        if plan.check:
            flags = data_flags(order.read_percent, plan.check_number)
            intact.append(_check(restic, failures, flags))
        sizes.append(_size(restic, failures))
        if failures.end_all:
            break
    is_complete = len(sizes) == len(order.paths)
    run.upkeep = Upkeep(
        pruned=plan.prune and is_complete and all(pruned),
        checked=plan.check and is_complete and None not in intact,
        intact=False if failures.is_damage else _all(intact, is_complete=is_complete),
        size_bytes=_sum(sizes) if is_complete else None,
    )
    if failures.worst is not None:
        raise failures.worst


def data_flags(read_percent: int, number: int) -> tuple[str, ...]:
    """The flag for the share of the data that a check reads, another one each time.

    restic's parts (``n/t``) are by the names of the stored files: after ``t`` checks all of them
    have had their turn, while a share chosen at random would leave out a third by then.

    Args:
        read_percent: The share; 0 for no data.
        number: How many checks there were before.
    """
    if not read_percent:
        return ()
    parts = 100 // read_percent
    if parts == 1:
        return ("--read-data",)
    return (f"--read-data-subset={number % parts + 1}/{parts}",)


class _Failures:
    """What failed so far.

    Attributes:
        end_all: Nothing more can be done here.
        worst: Damage, which a prune may find too, or else what failed first.
    """

    def __init__(self) -> None:
        self.end_all = False
        self.worst: ResticError | None = None

    @property
    def is_damage(self) -> bool:
        """Whether a repository is damaged."""
        return self.worst is not None and self.worst.reason is ErrorClass.REPOSITORY_DAMAGED

    def add(self, failure: ResticError) -> None:
        """Note one more."""
        is_damage = failure.reason is ErrorClass.REPOSITORY_DAMAGED
        if self.worst is None or (is_damage and not self.is_damage):
            self.worst = failure
        self.end_all |= failure.reason in _ENDS


def _prune(restic: Restic, failures: _Failures, *, is_full: bool) -> bool:
    # What is partly in use has to be written again before the old can go: that needs room.
    return _run(restic, failures, "prune", *(("--max-repack-size=0",) if is_full else ())) is None


def _check(restic: Restic, failures: _Failures, flags: tuple[str, ...]) -> bool | None:
    """Whether a repository is whole; None where that could not be found out."""
    if failures.end_all:
        return None
    failure = _run(restic, failures, "check", *flags)
    if failure is None:
        return True
    return False if failure.reason is ErrorClass.REPOSITORY_DAMAGED else None


def _size(restic: Restic, failures: _Failures) -> int | None:
    if failures.end_all:
        return None
    try:
        stats = restic.run("stats", "--mode=raw-data")
    except ResticError as failure:
        failures.add(failure)
        return None
    found = (item["total_size"] for item in stats.output.messages if "total_size" in item)
    return int(str(next(found, 0)))


def _run(restic: Restic, failures: _Failures, *command: str) -> ResticError | None:
    try:
        restic.run(*command)
    except ResticError as failure:
        failures.add(failure)
        return failure
    return None


def _all(intact: list[bool | None], *, is_complete: bool) -> bool | None:
    """Whether all are whole, which takes a check of all of them."""
    return True if intact and is_complete and None not in intact else None


def _sum(sizes: list[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if len(known) == len(sizes) else None
