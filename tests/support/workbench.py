"""What a worker finds in its pod, as folders and files, and the worker as a process of its own."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from stashgen.yaml.documents import read_documents
from stashgen_controller.protocol.run_result import RunResult
from stashgen_controller.worker.main import main
from tests.support.cheap_key import make_keys_cheap
from tests.support.preloaded import run_preloaded

NAMESPACE = "demo"
DIRECTORY = "demo/library"
SESSION = "backup"
COMPONENT = "dump"
PATH = f"repository/v1/{SESSION}/{COMPONENT}"
PASSWORD = "correct horse"
CLAIM_UID = "c0ffee00-0000-4000-8000-000000000001"
CLUSTER_UID = "c0ffee00-0000-4000-8000-000000000002"
NOW = datetime(2026, 5, 4, 3, 17, tzinfo=UTC)
LONG = 120.0
WORKER = ("-m", "stashgen_controller.worker.main")

Json = Any


@dataclass(frozen=True, slots=True)
class Ended:
    """A worker that ended: its exit code, its termination message, what it printed."""

    code: int
    message: str
    printed: str

    @property
    def result(self) -> RunResult:
        """The termination message, which must be one whole document."""
        return RunResult.model_validate_json(self.message)

    @property
    def reason(self) -> str:
        """The error's class; fails the test if the worker succeeded."""
        error = self.result.error
        assert error is not None, self.message
        assert self.code == 1
        return error.reason.value

    @property
    def text(self) -> str:
        """The error's message."""
        error = self.result.error
        assert error is not None, self.message
        return error.message

    def succeeded(self) -> "Ended":
        """Itself; fails the test with what went wrong if it did not succeed."""
        assert self.code == 0, self.printed
        assert self.result.error is None
        return self


@dataclass(slots=True)
class Workbench:
    """One volume, one storage, one worker at a time; times are days after 4 May 2026, 03:17.

    Attributes:
        storage_args: Where the storage is; the mounted folder unless said.
        uids: Of the objects that are on an API server, by name.
        preloaded: A worker that is run to its end has its modules loaded before.
    """

    root: Path
    api_url: str | None = None
    pod: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    prefix: Sequence[str] = ()
    worker: Sequence[str] = WORKER
    storage_args: Sequence[str] = ()
    uids: dict[str, str] = field(default_factory=dict)
    preloaded: bool = True

    def __post_init__(self) -> None:
        self.storage_args = self.storage_args or [f"--storage=file://{self.storage}"]
        for folder in (self.volume, self.storage, self.scratch):
            folder.mkdir(parents=True, exist_ok=True)
        self.password.write_text(PASSWORD, encoding="utf-8")

    @property
    def volume(self) -> Path:
        """The mounted claim."""
        return self.root / "volume"

    @property
    def storage(self) -> Path:
        """The mounted backend."""
        return self.root / "storage"

    @property
    def scratch(self) -> Path:
        """The tmp volume."""
        return self.root / "scratch"

    @property
    def password(self) -> Path:
        """The mounted key of the encryption Secret."""
        return self.root / "RESTIC_PASSWORD"

    @property
    def directory(self) -> Path:
        """The repository's directory in the storage."""
        return self.storage / DIRECTORY

    @property
    def repository(self) -> Path:
        """The session's restic repository."""
        return self.directory / PATH

    def record(self, name: str) -> Json:
        """A Snapshot's YAML in the storage."""
        data = (self.directory / "snapshots" / f"{name}.yaml").read_bytes()
        return read_documents(data, PurePosixPath(name)).value[0].data

    def restic(self, *args: str) -> Json:
        """Restic itself on the session's repository."""
        done = self.restic_process(*args)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def restic_process(self, *args: str) -> subprocess.CompletedProcess[str]:
        """Restic itself on the session's repository, however it ends."""
        return subprocess.run(
            ["restic", "--json", "--no-cache", *args],
            # "repair packs" keeps what it could not read in the working directory.
            cwd=self.scratch,
            env=self.restic_environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    def restic_environment(self) -> dict[str, str]:
        """What restic needs to find and open the session's repository."""
        return {
            **os.environ,
            "RESTIC_REPOSITORY": str(self.repository),
            "RESTIC_PASSWORD_FILE": str(self.password),
        }

    def locks(self) -> list[str]:
        """The locks in the session's repository."""
        names = (path.name for path in (self.repository / "locks").iterdir())
        return sorted(name for name in names if "-tmp-" not in name)

    def init_storage(self) -> Ended:
        """Run the verb init-storage."""
        return self.run(["init-storage", *self.storage_args], {})

    def init_repository(self, **plan: Json) -> Ended:
        """Run the verb init-repository."""
        plan = {"repository": repository_manifest(), **plan}
        return self.run(self.maintain_args("init-repository"), plan)

    def init(self) -> None:
        """Initialise storage and repository, whose key becomes one that is cheap to open."""
        self.init_storage().succeeded()
        self.init_repository().succeeded()
        make_keys_cheap(self.repository, PASSWORD)

    def backup(self, day: float, *, args: Sequence[str] = (), **plan: Json) -> Ended:
        """Run the verb backup."""
        return self.run(self.backup_args(day, *args), self.backup_plan(day, **plan), day)

    def backup_args(self, day: float, *args: str) -> list[str]:
        """The command line of a backup."""
        return [
            "backup",
            *self._place(),
            f"--backupsession={session_name(day)}",
            "--enable-cache=true",
            f"--scratch-dir={self.scratch}",
            f"--paths={self.volume}",
            *args,
        ]

    def backup_plan(self, day: float, **plan: Json) -> dict[str, Json]:
        """The plan of a backup."""
        snapshot = snapshot_manifest(day)
        if snapshot_name(day) in self.uids:
            snapshot["metadata"]["uid"] = self.uids[snapshot_name(day)]
        known = self._session(session_name(day))
        return {"snapshot": snapshot, "backupSession": session_name(day), **known, **plan}

    def _session(self, name: str) -> dict[str, Json]:
        return {"sessionUid": self.uids[name]} if name in self.uids else {}

    def restore(self, snapshot: Json, *, args: Sequence[str] = (), **plan: Json) -> Ended:
        """Run the verb restore; the snapshot is what its status in the cluster would be."""
        name = snapshot["metadata"]["name"]
        command = [*self.restore_args(name), *args]
        known = {"snapshot": snapshot, "restoreSession": "restore", **self._session("restore")}
        return self.run(command, {**known, **plan}, 100)

    def restore_args(self, snapshot: str) -> list[str]:
        """The command line of a restore."""
        return [
            "restore",
            *self._place(),
            "--restoresession=restore",
            f"--snapshot={snapshot}",
            f"--scratch-dir={self.scratch}",
        ]

    def retain(self, day: float, *keep: str, **plan: Json) -> Ended:
        """Run the verb retain at a time."""
        return self.run(self.maintain_args("retain", *keep), {"session": SESSION, **plan}, day)

    def resync(self, day: float = 50, **plan: Json) -> Ended:
        """Run the verb resync at a time."""
        plan = {"repository": repository_manifest(), **plan}
        return self.run(self.maintain_args("resync"), plan, day)

    def upkeep(self, day: float, *args: str, **plan: Json) -> Ended:
        """Run the verb upkeep at a time; without a plan it prunes and checks."""
        plan = {"prune": True, "check": True, **plan}
        return self.run(self.maintain_args("upkeep", *args), plan, day)

    def maintain_args(self, verb: str, *args: str) -> list[str]:
        """The command line of maintenance."""
        return ["maintain", f"--verb={verb}", *self._place(), f"--sessions={SESSION}", *args]

    def run(self, args: Sequence[str], plan: Mapping[str, Json], day: float = 0) -> Ended:
        """Run the worker to its end."""
        if not self.preloaded or self.prefix or self.worker != WORKER:
            return self.wait(self.start(args, plan, day))
        done = run_preloaded(main, args, self._prepare(args, plan, day), seconds=LONG)
        return self._ended(done.returncode, done.stderr)

    def start(
        self, args: Sequence[str], plan: Mapping[str, Json], day: float = 0
    ) -> "subprocess.Popen[str]":
        """Start the worker as a process; its clock says the given day."""
        environment = self._prepare(args, plan, day)
        return subprocess.Popen(
            [*self.prefix, sys.executable, *self.worker, *args],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wrap_restic(self, script: str) -> None:
        """Have the worker's restic be a shell script that ends in the real one."""
        real = os.environ["PATH"]
        folder = self.root / "bin"
        folder.mkdir(exist_ok=True)
        program = folder / "restic"
        program.write_text(f'#!/bin/sh\nPATH={real}\n{script}\nexec restic "$@"\n')
        program.chmod(0o755)
        self.environment["PATH"] = f"{folder}:{real}"

    def wait(self, process: "subprocess.Popen[str]") -> Ended:
        """Wait for a worker's end."""
        _, printed = process.communicate(timeout=LONG)
        return self._ended(process.returncode, printed)

    @property
    def message_file(self) -> Path:
        """The termination log."""
        return self.root / "termination-log"

    def _prepare(self, args: Sequence[str], plan: Mapping[str, Json], day: float) -> dict[str, str]:
        """Write what the next worker finds; returns its variables."""
        self.pod += 1
        verb = next(arg.removeprefix("--verb=") for arg in (*args[1:], args[0]) if _is_verb(arg))
        whole = {"verb": verb, "clusterUid": CLUSTER_UID, "claimUid": CLAIM_UID, **plan}
        (self.root / "plan").write_text(json.dumps(whole), encoding="utf-8")
        self.message_file.write_bytes(b"")
        offset = NOW + timedelta(days=day) - datetime.now(UTC)
        environment = {
            "PATH": os.environ["PATH"],
            # The code under test, if another one is installed.
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "STASHGEN_PLAN_FILE": str(self.root / "plan"),
            "STASHGEN_PASSWORD_FILE": str(self.password),
            "STASHGEN_DATA": str(self.volume),
            "STASHGEN_TERMINATION_LOG": str(self.message_file),
            "STASHGEN_CLOCK_OFFSET_SECONDS": str(offset.total_seconds()),
            "POD_UID": f"pod-{self.pod}",
            "TMPDIR": str(self.scratch),
            **self.environment,
        }
        if self.api_url is not None:
            environment["STASHGEN_API_SERVER"] = self.api_url
        return environment

    def _ended(self, code: int, printed: str) -> Ended:
        message = self.message_file.read_text(encoding="utf-8")
        assert len(message.encode()) <= 4096
        return Ended(code, message, printed)

    def _place(self) -> list[str]:
        return [
            f"--namespace={NAMESPACE}",
            *self.storage_args,
            f"--directory={DIRECTORY}",
            f"--component={COMPONENT}",
        ]


def prepared(workbench: Workbench, template: Path) -> Workbench:
    """A workbench with a storage that has been initialised before."""
    shutil.copytree(template, workbench.storage, dirs_exist_ok=True)
    return workbench


def make_unreadable(workbench: Workbench, *names: str) -> None:
    """Files without permissions, and a worker for whom that counts: root without its rights."""
    for name in names:
        path = workbench.volume / name
        path.write_text("secret", encoding="utf-8")
        path.chmod(0)
    if os.geteuid() == 0:
        dropped = "-dac_override,-dac_read_search"
        workbench.prefix = ("setpriv", f"--bounding-set={dropped}", "--inh-caps=-all", "--")


def overwriting(workbench: Workbench) -> None:
    """Have the storage replace files where a write must only create them."""
    code = "import os, sys; os.link = os.replace; "
    workbench.worker = (
        "-c",
        code + "from stashgen_controller.worker.main import main; sys.exit(main())",
    )


def with_storage_clock(workbench: Workbench, ahead: timedelta) -> None:
    """Have the times of files come from a machine whose clock is ahead of the node's."""
    code = f"""\
import sys
from fsspec.implementations.local import LocalFileSystem
from stashgen_controller.worker.main import main
real = LocalFileSystem.info
def info(self, path, **more):
    found = real(self, path, **more)
    return {{**found, "mtime": found["mtime"] + {ahead.total_seconds()}}}
LocalFileSystem.info = info
sys.exit(main())
"""
    workbench.worker = ("-c", code)


@contextlib.contextmanager
def holding(
    workbench: Workbench, host: str | None = None, *, exclusive: bool = False
) -> "Iterator[subprocess.Popen[bytes]]":
    """A restic that holds a lock, for as long as its standard input is open or it is very slow."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    prefix = ["unshare", *user, "--uts", "sh", "-c", f'hostname {host}; exec "$@"', "sh"]
    restic = (
        ["restic", "check", "--read-data", "--limit-download=1", "--no-cache", "--quiet"]
        if exclusive
        else ["restic", "backup", "--stdin", "--no-cache", "--quiet", "--host=holder"]
    )
    with subprocess.Popen(
        [*(prefix if host else []), *restic],
        env=workbench.restic_environment(),
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as holder:
        try:
            wait_until("the holder's lock", workbench.locks)
            yield holder
        finally:
            holder.kill()


def wait_until(what: str, probe: Callable[[], object]) -> None:
    """Wait for something that a process is about to do."""
    end = time.monotonic() + LONG
    while not probe():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.01)


def kill_pod(process: "subprocess.Popen[str]") -> None:
    """Kill a worker and what it started, together, as the end of a pod does."""
    # It must not start another one meanwhile.
    process.send_signal(signal.SIGSTOP)
    children: Sequence[str] = ()
    if process.poll() is None:
        tasks = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        children = tasks.read_text(encoding="ascii").split()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
    process.kill()
    process.communicate()
    # restic takes a zombie of its own host for a living process, and keeps its lock.
    gone = [Path("/proc", pid) for pid in children]
    wait_until("the children were reaped", lambda: not any(path.exists() for path in gone))


def child_of(pid: int, name: str) -> int | None:
    """The child process of a name."""
    for line in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
        try:
            if Path(f"/proc/{line}/comm").read_text(encoding="utf-8").strip() == name:
                return int(line)
        except FileNotFoundError:
            continue
    return None


def session_name(day: float) -> str:
    """The BackupSession of a day."""
    return f"library-backup-{int((NOW + timedelta(days=day)).timestamp())}"


def snapshot_name(day: float) -> str:
    """The Snapshot of a day, which is also its Job's name."""
    return f"local-k3f9q-{session_name(day)}"


def snapshot_manifest(day: float) -> Json:
    """The Snapshot of a day as the plan carries it."""
    return {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "Snapshot",
        "metadata": {
            "name": snapshot_name(day),
            "namespace": NAMESPACE,
            "labels": {"kubestash.com/repo-name": "local-k3f9q"},
            "creationTimestamp": f"{NOW + timedelta(days=day):%Y-%m-%dT%H:%M:%SZ}",
        },
        "spec": {
            "snapshotID": "01HK8G3M9Z0000000000000000",
            "type": "FullBackup",
            "repository": "local-k3f9q",
            "session": SESSION,
            "backupSession": session_name(day),
            "version": "v1",
            "deletionPolicy": "Delete",
            "paused": False,
        },
    }


def repository_manifest() -> Json:
    """The Repository as the plan carries it."""
    return {
        "apiVersion": "storage.kubestash.com/v1alpha1",
        "kind": "Repository",
        "metadata": {"name": "local-k3f9q", "namespace": NAMESPACE},
        "spec": {
            "appRef": {"kind": "PersistentVolumeClaim", "name": "library", "namespace": NAMESPACE},
            "storageRef": {"name": "local", "namespace": NAMESPACE},
            "path": DIRECTORY,
            "deletionPolicy": "Delete",
            "encryptionSecret": {"name": "restic-key", "namespace": NAMESPACE},
        },
    }


def _is_verb(arg: str) -> bool:
    return arg.startswith("--verb=") or not arg.startswith("-")
