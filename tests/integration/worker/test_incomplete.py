"""Backups of volumes of which not everything can be read."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stashgen_controller.protocol.run_result import ErrorClass
from tests.support.workbench import (
    COMPONENT,
    Json,
    Workbench,
    make_unreadable,
    snapshot_name,
    wait_until,
)

_WARN = "--on-unreadable=warn"
# Files that live for a moment, as in every spool, session or cache folder.
_CHURN = """
import os, sys
root, n = sys.argv[1], 0
while True:
    n += 1
    for k in range(30):
        with open(f"{root}/d{k}/s{n % 40}", "w") as file:
            file.write("x" * 200)
        try:
            os.unlink(f"{root}/d{k}/s{(n - 20) % 40}")
        except FileNotFoundError:
            pass
"""


def component(workbench: Workbench, day: float) -> Json:
    return workbench.record(snapshot_name(day))["status"]["components"][COMPONENT]


def paths(workbench: Workbench, day: float) -> set[str]:
    id_ = component(workbench, day)["resticStats"][0]["summary"]["id"]
    done = workbench.restic_process("ls", "--no-lock", id_)
    return {line.split('"path":"')[1].split('"')[0] for line in done.stdout.splitlines()[1:]}


def test_an_unreadable_file_fails_the_backup_which_says_what_it_lacks(
    workbench: Workbench,
) -> None:
    (workbench.volume / "good").write_text("x")
    make_unreadable(workbench, *(f"bad{number}" for number in range(7)))
    ended = workbench.backup(0)
    assert ended.reason == ErrorClass.SOURCE_INCOMPLETE
    assert "could not read 7 files: bad0, bad1, bad2, bad3, bad4 and 2 more" in ended.text
    assert ended.result.uploaded
    found = component(workbench, 0)
    assert found["phase"] == "Failed"
    assert found["unreadable"] == {"count": 7, "first": [f"bad{n}" for n in range(5)]}
    conditions = workbench.record(snapshot_name(0))["status"]["conditions"]
    assert {item["type"]: item["status"] for item in conditions}["AllFilesRead"] == "False"
    (workbench.volume / "good").unlink()
    workbench.prefix = ()
    workbench.restore(workbench.record(snapshot_name(0))).succeeded()
    assert (workbench.volume / "good").read_text() == "x"


def test_a_policy_may_accept_unreadable_files_which_are_said_all_the_same(
    workbench: Workbench,
) -> None:
    (workbench.volume / "good").write_text("x")
    make_unreadable(workbench, "bad")
    ended = workbench.backup(0, args=[_WARN]).succeeded()
    unreadable = ended.result.components[COMPONENT].unreadable
    assert unreadable is not None
    assert (unreadable.count, unreadable.first) == (1, ("bad",))
    status = workbench.record(snapshot_name(0))["status"]
    assert status["phase"] == "Succeeded"
    assert component(workbench, 0)["unreadable"]["count"] == 1


def test_a_backup_of_nothing_is_not_accepted(workbench: Workbench) -> None:
    """The wrong user: not one file can be read."""
    make_unreadable(workbench, "only")
    for day, args in enumerate(([_WARN], [])):
        ended = workbench.backup(day, args=args)
        assert ended.reason == ErrorClass.SOURCE_INCOMPLETE
        assert "nothing else is there" in ended.text
        assert "unreadable" not in component(workbench, day)


def test_a_whole_backup_says_nothing(workbench: Workbench) -> None:
    (workbench.volume / "file").write_text("x")
    workbench.backup(0).succeeded()
    assert "unreadable" not in component(workbench, 0)
    conditions = workbench.record(snapshot_name(0))["status"]["conditions"]
    assert "AllFilesRead" not in {item["type"] for item in conditions}


def test_what_the_file_system_has_for_itself_is_left_out(workbench: Workbench) -> None:
    """ext4's lost+found is root's; a folder of that name further below is the workload's."""
    (workbench.volume / "lost+found").mkdir(mode=0)
    (workbench.volume / "below/lost+found").mkdir(parents=True)
    (workbench.volume / "below/lost+found/file").write_text("x")
    make_unreadable(workbench)
    workbench.backup(0).succeeded()
    names = {name.removeprefix(str(workbench.volume)) for name in paths(workbench, 0)}
    assert "/below/lost+found/file" in names
    assert "/lost+found" not in names


def test_sockets_pipes_and_strange_names_are_no_failure(workbench: Workbench) -> None:
    os.mkfifo(workbench.volume / "pipe")
    (workbench.volume / "x: no such file or directory").write_text("x")
    (workbench.volume / "-rf").write_text("x")
    Path(os.fsdecode(os.fsencode(workbench.volume) + b"/\xff\xfe\n")).write_text("x")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(workbench.volume)
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        workbench.backup(0).succeeded()


def test_a_source_that_begins_with_a_dash_is_a_path(workbench: Workbench) -> None:
    ended = workbench.backup(0, args=["--paths=--exclude-caches"])
    assert ended.reason == ErrorClass.SOURCE_INCOMPLETE


@pytest.fixture
def churn(workbench: Workbench) -> Iterator[Workbench]:
    """A volume in which some hundred files a second come and go."""
    for folder in range(30):
        (workbench.volume / f"d{folder}").mkdir()
        for number in range(100):
            (workbench.volume / f"d{folder}/f{number}").write_text(f"{folder}.{number}")
    with subprocess.Popen([sys.executable, "-c", _CHURN, str(workbench.volume)]) as process:
        try:
            wait_until("files come", (workbench.volume / "d29/s25").exists)
            yield workbench
        finally:
            process.kill()


def test_files_that_come_and_go_are_no_failure(churn: Workbench) -> None:
    for day in range(4):
        churn.backup(day).succeeded()
    kept = [name for name in paths(churn, 3) if "/f" in name.removeprefix(str(churn.volume))]
    assert len(kept) == 30 * 100


def test_a_file_that_goes_away_while_it_is_read_is_no_failure(workbench: Workbench) -> None:
    """Says restic: it saw the file, and then could not open it."""
    (workbench.volume / "file").write_text("x")
    gone = f"{workbench.volume}/gone"
    error = (
        f'{{"message_type":"error","error":{{"message":"open {gone}: no such file or directory"}},'
        f'"during":"archival","item":"{gone}"}}'
    )
    workbench.wrap_restic(
        f'case " $* " in *" backup "*) restic "$@"; echo \'{error}\' >&2; exit 3;; esac'
    )
    workbench.backup(0).succeeded()


def test_a_source_that_goes_away_is_a_failure(workbench: Workbench) -> None:
    part = workbench.volume / "part"
    part.mkdir()
    error = (
        f'{{"message_type":"error","error":{{"message":"open {part}: no such file or directory"}},'
        f'"during":"archival","item":"{part}"}}'
    )
    gone = f"restic \"$@\"; rmdir {part}; echo '{error}' >&2; exit 3"
    workbench.wrap_restic(f'case " $* " in *" backup "*) {gone};; esac')
    ended = workbench.backup(0, args=[f"--paths={part}"])
    assert ended.reason == ErrorClass.SOURCE_INCOMPLETE
    assert "disappeared" in ended.text


def test_a_repository_that_lacks_data_is_not_a_volume_that_lacks_files(
    workbench: Workbench,
) -> None:
    """The folders of the last snapshot cannot be read: restic reads the whole volume again."""
    (workbench.volume / "sub").mkdir()
    (workbench.volume / "sub/file").write_text("x")
    workbench.backup(0).succeeded()
    text = "tree 1a could not be loaded; the repository could be damaged"
    error = (
        f'{{"message_type":"error","error":{{"message":"{text}"}},'
        f'"during":"archival","item":"{workbench.volume}/sub"}}'
    )
    workbench.wrap_restic(
        f'case " $* " in *" backup "*) restic "$@"; echo \'{error}\' >&2; exit 3;; esac'
    )
    ended = workbench.backup(1, args=[_WARN])
    assert ended.reason == ErrorClass.REPOSITORY_DAMAGED
    found = ended.result.components[COMPONENT]
    assert (found.unreadable, found.integrity) == (None, False)


def test_a_full_scratch_folder_is_not_a_full_storage(workbench: Workbench) -> None:
    (workbench.volume / "large").write_bytes(os.urandom(3 << 20))
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = f'set -e; mount -t tmpfs -o size=1m tmpfs {workbench.scratch}; exec "$@"'
    workbench.prefix = ["unshare", *user, "--mount", "sh", "-c", script, "sh"]
    assert workbench.backup(0).reason == ErrorClass.SCRATCH_FULL
