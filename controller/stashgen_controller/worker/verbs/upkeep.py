"""maintain, verb upkeep: check, prune and measure a repository's restic repositories.

That is work on the whole history, and has its own rhythm; the plan says what of it is due.
"""

from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

from stashgen_controller.protocol.run_result import REPOSITORY_UNUSABLE, ErrorClass, Upkeep
from stashgen_controller.worker.repository.damage import (
    DataPart,
    damaged_part,
    is_recorded_as_damaged,
    record_damage,
    record_repair,
    refuse_damaged,
)
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

# Of a result that may be 4,096 bytes long.
_LONGEST_LIST = 1000
# Nothing else can be done here while one of these lasts; damage of one repository is its own.
_ENDS = (REPOSITORY_UNUSABLE - {ErrorClass.REPOSITORY_DAMAGED}) | {
    ErrorClass.INTERRUPTED,
    ErrorClass.DEADLINE_EXCEEDED,
    ErrorClass.ACCESS_DENIED,
}


class _Failures:
    """What failed so far.

    Attributes:
        end_all: Nothing more can be done here.
        worst: Damage, which a prune may find too, or else what failed first.
    """

    def __init__(self) -> None:
        self.end_all = False
        self.worst: ResticError | RunFailedError | None = None

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

    def refuse_damaged(self, run: RunContext) -> None:
        """Note that damage is recorded, of which a run that does not check knows nothing else."""
        try:
            refuse_damaged(run)
        except RunFailedError as failure:
            self.worst = failure


def prepare(args: Namespace, reporter: Reporter) -> Work:
    """Check, prune and measure what the plan asks for."""
    del reporter
    order = order_of(args)
    return Work(lambda run: upkeep(run, order))


def upkeep(run: RunContext, order: MaintainOrder) -> None:
    """Check, prune and measure each session's restic repository, as far as it goes.

    All are checked before any is pruned: a prune of a damaged one could make it worse. What fails
    in one of them does not keep the others, nor the steps after it, from being done. What was done
    is in ``run.upkeep``; what an earlier run of the same round did, as the plan says, is not
    repeated.

    Raises:
        RunFailedError: RestoreExpected: the repository belongs to another volume or cluster.
        ResticError, RunFailedError, StorageError: damage, or else the first failure.
    """
    run.upkeep = Upkeep()
    if not record_writer(run).matches:
        msg = "another volume or cluster writes here; its repository is left alone"
        raise RunFailedError(ErrorClass.RESTORE_EXPECTED, msg)
    plan, failures = run.plan, _Failures()
    paths = _in_turn(order.paths, plan.turn)
    restics = {path: run.restic(path) for path in paths}
    # Where damage is known, only a check of all of it shows that there is none any more.
    checked = set() if is_recorded_as_damaged(run) else set(plan.checked_paths)
    pruned = set(plan.pruned_paths)
    _clear_locks(run, restics, failures)
    part = None
    if plan.check:
        part = _part_to_read(run, order)
        flags = (part.flag(),) if part is not None else ()
        checked |= {
            path
            for path in paths
            if path not in checked and _run(restics[path], failures, "check", *flags)
        }
    elif plan.prune:
        failures.refuse_damaged(run)
    if plan.prune and not failures.is_damage:
        pruned |= {
            path
            for path in paths
            if path not in pruned
            and (path in checked or not plan.check)
            and _prune(restics[path], failures, is_full=plan.storage_is_full)
        }
    is_whole = plan.check and checked >= set(paths)
    run.upkeep = Upkeep(
        pruned=plan.prune and pruned >= set(paths),
        checked=is_whole or (plan.check and failures.is_damage and not failures.end_all),
        intact=False if failures.is_damage else is_whole or None,
        size_bytes=_size(restics.values(), failures),
        checked_paths=_named(checked, paths),
        pruned_paths=_named(pruned, paths),
    )
    if run.upkeep.intact is False:
        record_damage(run, part)
    elif run.upkeep.intact:
        record_repair(run)
    if failures.worst is not None:
        raise failures.worst


def _in_turn(paths: Sequence[str], turn: int) -> Sequence[str]:
    """Starts with another path each time, so that a slow one does not keep the others from it."""
    first = turn % max(len(paths), 1)
    return [*paths[first:], *paths[:first]]


def _clear_locks(run: RunContext, restics: Mapping[str, Restic], failures: _Failures) -> None:
    for path, restic in restics.items():
        try:
            clear_stale_locks(run, restic, path)
        except ResticError as failure:
            failures.add(failure)


def _named(done: set[str], paths: Sequence[str]) -> tuple[str, ...]:
    """As many as a result has room for: what is left out is done once more."""
    found = sorted(done & set(paths))
    lengths = accumulate(map(len, found))
    return tuple(
        path for path, length in zip(found, lengths, strict=True) if length <= _LONGEST_LIST
    )


def _part_to_read(run: RunContext, order: MaintainOrder) -> DataPart | None:
    """The data that this check reads: the next part, but that in which damage is known to be first.

    A person's word that it was repaired stands in for reading it once more.
    """
    known = None if run.plan.damage_accepted else damaged_part(run, order.read_percent)
    if known is not None or not order.read_percent:
        return known
    return DataPart(order.read_percent, run.plan.check_number)


def _prune(restic: Restic, failures: _Failures, *, is_full: bool) -> bool:
    # What is partly in use has to be written again before the old can go: that needs room.
    return _run(restic, failures, "prune", *(("--max-repack-size=0",) if is_full else ()))


def _run(restic: Restic, failures: _Failures, *command: str) -> bool:
    """Whether a command did what it is for; nothing is begun once nothing can be done."""
    if failures.end_all:
        return False
    try:
        restic.run(*command)
    except ResticError as failure:
        failures.add(failure)
        return False
    return True


def _size(restics: Iterable[Restic], failures: _Failures) -> int | None:
    """How much they store together; None where one of them cannot say."""
    total = 0
    for restic in restics:
        if failures.end_all:
            return None
        try:
            stats = restic.run("stats", "--mode=raw-data")
        except ResticError as failure:
            failures.add(failure)
            return None
        found = (item["total_size"] for item in stats.output.messages if "total_size" in item)
        total += int(str(next(found, 0)))
    return total
