"""restic as far as two runs can disturb each other: locks, snapshots, data that prune removes.

restic manual: "backup" and "restore" take a shared lock, "forget", "prune" and "check" an exclusive
one; a lock is a file, and is stale half an hour after its process stopped refreshing it. A backup
relies on the data that it found when it began: who prunes beside it damages what it makes.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from stashgen_controller.worker.restic.output import Output
from stashgen_controller.worker.restic.process import HOST, Restic
from tests.simulation.bucket import Bucket
from tests.simulation.fibers import Fiber

Blob = tuple[str, int]

_STALE = timedelta(minutes=30)
_FILE_BYTES = 1000
_CHECK_STEPS = 3
_LOCK_POLL_SECONDS = 5.0
_BROKEN, _NO_REPOSITORY, _LOCKED, _INTERRUPTED = 1, 10, 11, 130


class UnknownCommandError(BaseException):
    """The worker uses restic in a way that the simulation does not know: it must learn it."""


@dataclass(frozen=True, slots=True)
class ResticSnapshot:
    """A snapshot: when it was taken, for which Snapshot, and the data that it needs."""

    time: datetime
    tags: tuple[str, ...]
    blobs: frozenset[Blob]


@dataclass(slots=True)
class ResticRepository:
    """One restic repository; its locks are files of the bucket."""

    snapshots: dict[str, ResticSnapshot] = field(default_factory=dict)
    blobs: set[Blob] = field(default_factory=set)

    def is_whole(self, id_: str) -> bool:
        """Whether a snapshot can be restored."""
        found = self.snapshots.get(id_)
        return found is not None and found.blobs <= self.blobs

    def copy(self) -> "ResticRepository":
        """One with the same content."""
        return ResticRepository(dict(self.snapshots), set(self.blobs))


@dataclass(slots=True)
class Volume:
    """A claim's files, each a version; ``half_restored`` names the restore that did not end."""

    files: dict[str, int]
    uid: str = ""
    half_restored: str | None = None


class Witness:
    """Told by restic of what matters in truth; the simulation overrides what it looks at."""

    def initialises(self, address: str) -> None:
        """A repository is being made."""

    def forgets(self, address: str, ids: Sequence[str]) -> None:
        """Snapshots are about to be removed."""

    def prunes(self, address: str) -> None:
        """Data that no snapshot needs is about to be removed."""

    def reads(self, volume: Volume) -> None:
        """A backup reads a volume."""

    def writes(self, volume: Volume) -> None:
        """A restore is about to write."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a restic runs.

    Attributes:
        fiber: Its process.
        host: The pod's name.
        bucket: Where its lock is.
        repositories: By address.
        volume: What is mounted; None where nothing is.
        seconds: How long the next step takes.
        new_id: A new name of a snapshot or lock.
        witness: Told of what happens.
    """

    fiber: Fiber
    host: str
    bucket: Bucket
    repositories: dict[str, ResticRepository]
    volume: Volume | None
    seconds: Callable[[], float]
    new_id: Callable[[], str]
    witness: Witness


class SimulatedRestic(Restic):
    """The worker's own Restic, whose commands act on a simulated repository."""

    machine: Machine
    # Locks of processes that live are refreshed: those of the dead keep their last time.
    living: dict[str, Fiber]

    def _run(
        self,
        args: Sequence[str],
        output: Output,
        on_progress: Callable[[dict[str, object]], None] | None,
        meanwhile: Callable[[], None] | None,
    ) -> int:
        del on_progress, meanwhile
        command = {
            "backup": self._backup,
            "cat": self._cat,
            "check": self._check,
            "forget": self._forget,
            "init": self._init,
            "prune": self._prune,
            "restore": self._restore,
            "snapshots": self._snapshots,
            "stats": self._stats,
            "unlock": self._unlock,
        }.get(args[0])
        if command is None:
            raise UnknownCommandError(" ".join(args))
        self._work()
        if args[0] != "init" and self.repository not in self.machine.repositories:
            return _fail(output, _NO_REPOSITORY, "unable to open config file: does not exist")
        if self._is_ending:
            return _INTERRUPTED
        return command(args, output)

    @property
    def _found(self) -> ResticRepository:
        return self.machine.repositories[self.repository]

    @property
    def _is_ending(self) -> bool:
        if self._seconds_left() <= 0:
            self.interruption.request(late=True)
        return self.interruption.is_requested

    def _work(self) -> None:
        self.machine.fiber.sleep(self.machine.seconds())

    # commands

    def _init(self, _args: Sequence[str], output: Output) -> int:
        if self.repository in self.machine.repositories:
            return _fail(output, _BROKEN, "config file already exists")
        self.machine.witness.initialises(self.repository)
        self.machine.repositories[self.repository] = ResticRepository()
        return 0

    def _cat(self, args: Sequence[str], output: Output) -> int:
        if args[1] == "config":
            return 0
        content = self.machine.bucket.files.get(f"{self.repository}/locks/{args[2]}")
        if content is None:
            return _fail(output, _BROKEN, "lock does not exist")
        for line in json.dumps(json.loads(content), indent=1).splitlines():
            output.feed(line.encode(), is_error=False)
        return 0

    def _unlock(self, args: Sequence[str], _output: Output) -> int:
        for name, lock in self._locks():
            if "--remove-all" in args or self._refreshed(name, lock) < self.now() - _STALE:
                self.machine.bucket.files.pop(name, None)
        return 0

    def _snapshots(self, args: Sequence[str], output: Output) -> int:
        with self._locked(args, output, exclusive=False) as code:
            if code:
                return code
            found = [
                {
                    "id": id_,
                    "time": item.time.isoformat(),
                    "hostname": HOST,
                    "tags": list(item.tags),
                    "summary": {"total_bytes_processed": len(item.blobs) * _FILE_BYTES},
                }
                for id_, item in self._found.snapshots.items()
            ]
            output.feed(json.dumps(found).encode(), is_error=False)
            return 0

    def _stats(self, args: Sequence[str], output: Output) -> int:
        with self._locked(args, output, exclusive=False) as code:
            if not code:
                _say(output, {"total_size": len(self._found.blobs) * _FILE_BYTES})
            return code

    def _check(self, args: Sequence[str], output: Output) -> int:
        with self._locked(args, output, exclusive=True) as code:
            if code:
                return code
            there = set(self._found.snapshots)
            for _ in range(_CHECK_STEPS):
                self._work()
                if self._is_ending:
                    return _INTERRUPTED
                # What goes while it is looked at is missing, as what is damaged is.
                if not all(self._found.is_whole(id_) for id_ in there):
                    return _fail(output, _BROKEN, "repository contains errors")
            return 0

    def _backup(self, args: Sequence[str], output: Output) -> int:
        volume = self.machine.volume
        if volume is None:
            raise UnknownCommandError("a backup without a volume")
        tags = tuple(arg.removeprefix("--tag=") for arg in args if arg.startswith("--tag="))
        time = next(arg.removeprefix("--time=") for arg in args if arg.startswith("--time="))
        with self._locked(args, output, exclusive=False) as code:
            if code:
                return code
            index = set(self._found.blobs)
            blobs: set[Blob] = set()
            for name in sorted(volume.files):
                self.machine.witness.reads(volume)
                blob = (name, volume.files[name])
                self._work()
                if self._is_ending:
                    return _INTERRUPTED
                if blob not in index:
                    self._found.blobs.add(blob)
                blobs.add(blob)
            self._work()
            if self._is_ending:
                return _INTERRUPTED
            id_ = self.machine.new_id()
            taken = datetime.fromisoformat(f"{time}+00:00")
            self._found.snapshots[id_] = ResticSnapshot(taken, tags, frozenset(blobs))
            # The worker lists the folder itself, too.
            self.machine.bucket.put(self._snapshot_file(id_), b"")
            total = len(blobs) * _FILE_BYTES
            _say(
                output,
                {
                    "message_type": "summary",
                    "snapshot_id": id_,
                    "data_added_packed": 1,
                    "total_files_processed": len(blobs),
                    "total_bytes_processed": total,
                },
            )
            return 0

    def _restore(self, args: Sequence[str], output: Output) -> int:
        volume = self.machine.volume
        if volume is None:
            raise UnknownCommandError("a restore without a volume")
        with self._locked(args, output, exclusive=False) as code:
            if code:
                return code
            id_ = next((key for key in self._found.snapshots if key.startswith(args[-1])), None)
            if id_ is None:
                return _fail(
                    output, _BROKEN, f"failed to find snapshot: no matching ID found for {args[-1]}"
                )
            for name, version in sorted(self._found.snapshots[id_].blobs):
                self.machine.witness.writes(volume)
                volume.files[name] = version
                self._work()
                if self._is_ending:
                    return _INTERRUPTED
                if (name, version) not in self._found.blobs:
                    return _fail(output, _BROKEN, f"{name}: blob not found")
            count = len(self._found.snapshots[id_].blobs) if id_ in self._found.snapshots else 0
            volume.half_restored = None
            _say(
                output,
                {
                    "message_type": "summary",
                    "total_files": count,
                    "total_bytes": count * _FILE_BYTES,
                },
            )
            return 0

    def _forget(self, args: Sequence[str], output: Output) -> int:
        ids = [arg for arg in args[1:] if not arg.startswith("-")]
        with self._locked(args, output, exclusive=True) as code:
            if code:
                return code
            gone = [key for key in self._found.snapshots if any(key.startswith(id_) for id_ in ids)]
            if gone:
                self.machine.witness.forgets(self.repository, gone)
            for key in gone:
                del self._found.snapshots[key]
                self.machine.bucket.files.pop(self._snapshot_file(key), None)
                self._work()
                if self._is_ending:
                    return _INTERRUPTED
            return 0

    def _prune(self, args: Sequence[str], output: Output) -> int:
        with self._locked(args, output, exclusive=True) as code:
            if code:
                return code
            if not all(map(self._found.is_whole, self._found.snapshots)):
                return _fail(output, _BROKEN, "packs from index missing in repo")
            return self._remove_unused()

    def _remove_unused(self) -> int:
        self.machine.witness.prunes(self.repository)
        used = frozenset().union(*(item.blobs for item in self._found.snapshots.values()))
        unused = sorted(self._found.blobs - used)
        self._work()
        if self._is_ending:
            return _INTERRUPTED
        self._found.blobs.difference_update(unused)
        return 0

    def _snapshot_file(self, id_: str) -> str:
        return f"{self.repository}/snapshots/{id_}"

    # locks

    @contextmanager
    def _locked(self, args: Sequence[str], output: Output, *, exclusive: bool) -> Iterator[int]:
        """Hold a lock while the block runs; the exit code where there is none to be had."""
        if "--no-lock" in args:
            yield 0
            return
        patience = min(300.0, max(self._seconds_left() / 2, 0.0))
        until = self.now() + timedelta(seconds=patience)
        while any(exclusive or lock["exclusive"] for _, lock in self._locks()):
            if self.now() >= until:
                yield _fail(
                    output, _LOCKED, "unable to create lock in backend: repository is locked"
                )
                return
            self.machine.fiber.sleep(_LOCK_POLL_SECONDS)
            if self._is_ending:
                yield _INTERRUPTED
                return
        name = f"{self.repository}/locks/{self.machine.new_id()}"
        lock = {
            "time": self.now().isoformat(),
            "exclusive": exclusive,
            "hostname": self.machine.host,
        }
        self.machine.bucket.files[name] = json.dumps(lock).encode()
        self.living[name] = self.machine.fiber
        # A killed process passes here too, but it does nothing any more.
        yield 0
        self.machine.bucket.files.pop(name, None)

    def _locks(self) -> list[tuple[str, dict[str, object]]]:
        folder = f"{self.repository}/locks/"
        found = [item for item in self.machine.bucket.files.items() if item[0].startswith(folder)]
        return [(name, json.loads(content)) for name, content in found]

    def _refreshed(self, name: str, lock: dict[str, object]) -> datetime:
        owner = self.living.get(name)
        made = datetime.fromisoformat(str(lock["time"]))
        if owner is None:
            return made
        return max(made, owner.ended) if owner.is_over else self.now()


def _say(output: Output, message: dict[str, object]) -> None:
    output.feed(json.dumps(message).encode(), is_error=False)


def _fail(output: Output, code: int, text: str) -> int:
    message = {"message_type": "exit_error", "code": code, "message": f"Fatal: {text}"}
    output.feed(json.dumps(message).encode(), is_error=True)
    return code
