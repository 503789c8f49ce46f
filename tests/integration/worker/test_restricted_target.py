"""Restores into volumes that do not take all of what a snapshot has."""

import errno
import os
import shutil

import pytest

from stashgen_controller.protocol.run_result import ErrorClass
from tests.support.denied import MODES, OWNERS, denied
from tests.support.restore_ledger import ORDER, ledger
from tests.support.workbench import Json, Workbench, snapshot_name


@pytest.fixture
def history(workbench: Workbench) -> Workbench:
    """A backup of some files of a kind each; the volume is empty again."""
    volume = workbench.volume
    (volume / "folder").mkdir()
    (volume / "folder/file").write_text("data")
    (volume / "folder/empty").touch()
    os.mkfifo(volume / "folder/pipe")
    (volume / "large").write_bytes(os.urandom(100_000))
    (volume / "link").symlink_to("folder/file")
    os.link(volume / "large", volume / "hard")
    workbench.backup(0).succeeded()
    shutil.rmtree(volume)
    volume.mkdir()
    return workbench


def snapshot(workbench: Workbench) -> Json:
    return workbench.record(snapshot_name(0))


def assert_data_is_there(workbench: Workbench) -> None:
    assert (workbench.volume / "folder/file").read_text() == "data"
    assert (workbench.volume / "folder/empty").read_bytes() == b""
    assert (workbench.volume / "large").stat().st_size == 100_000
    assert (workbench.volume / "hard").samefile(workbench.volume / "large")
    assert (workbench.volume / "link").readlink().name == "file"


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (errno.EPERM, OWNERS),
        (errno.EPERM, MODES),
        (errno.EPERM, (*OWNERS, *MODES)),
    ],
    ids=["root_squash", "modes", "SMB"],
)
def test_data_that_is_whole_is_a_success_which_says_what_was_refused(
    history: Workbench, error: int, calls: tuple[str, ...]
) -> None:
    history.prefix = denied(error, *calls)
    ended = history.restore(snapshot(history)).succeeded()
    refused = ended.result.metadata_refused
    assert refused is not None
    assert refused.count >= 4
    assert "folder/file" in refused.first
    assert_data_is_there(history)


def test_a_restore_that_gets_everything_says_nothing(history: Workbench) -> None:
    ended = history.restore(snapshot(history)).succeeded()
    assert ended.result.metadata_refused is None
    assert_data_is_there(history)


@pytest.mark.parametrize("call", ["lremovexattr", "lsetxattr"])
def test_labels_of_the_node_are_left_alone(workbench: Workbench, call: str) -> None:
    """SELinux: nobody may remove the label that the node gives each new file, nor change it."""
    file = workbench.volume / "file"
    file.write_text("data")
    if call == "lsetxattr":
        _label(workbench, "file")
    workbench.backup(0).succeeded()
    file.unlink()
    file.write_text("other")
    _label(workbench, "file")
    workbench.prefix = denied(errno.EACCES, call)
    ended = workbench.restore(snapshot(workbench)).succeeded()
    assert ended.result.metadata_refused is None
    assert file.read_text() == "data"


def _label(workbench: Workbench, name: str) -> None:
    try:
        os.setxattr(workbench.volume / name, "security.selinux", b"system_u:object_r:x:s0:c7\0")
    except OSError as error:
        pytest.fail(f"this needs root and a kernel without SELinux: {error}")


def test_attributes_of_the_workload_are_restored_or_named(workbench: Workbench) -> None:
    file = workbench.volume / "file"
    file.write_text("data")
    os.setxattr(file, "user.note", b"hello")
    workbench.backup(0).succeeded()
    file.unlink()
    workbench.restore(snapshot(workbench)).succeeded()
    assert os.getxattr(file, "user.note") == b"hello"
    file.unlink()
    workbench.prefix = denied(errno.EPERM, "lsetxattr")
    refused = workbench.restore(snapshot(workbench)).succeeded().result.metadata_refused
    assert refused is not None
    assert refused.first == ("file",)


def test_data_that_is_not_there_is_never_called_whole(history: Workbench) -> None:
    """Names the same refusals, but a file is another one after all."""
    history.wrap_restic(
        f'case " $* " in *" --dry-run "*) echo other > {history.volume}/folder/file;; esac'
    )
    history.prefix = denied(errno.EPERM, *OWNERS)
    ended = history.restore(snapshot(history))
    assert ended.reason == ErrorClass.TARGET_REFUSED
    assert "not as in the snapshot after the restore: 1 file: " in ended.text
    assert ended.result.restored is not None


@pytest.mark.parametrize("name", ["folder/empty", "link", "hard"])
def test_a_name_that_is_not_there_is_never_called_whole(history: Workbench, name: str) -> None:
    history.wrap_restic(f'case " $* " in *" --dry-run "*) rm {history.volume}/{name};; esac')
    history.prefix = denied(errno.EPERM, *OWNERS)
    assert history.restore(snapshot(history)).reason == ErrorClass.TARGET_REFUSED


def test_a_comparison_that_leaves_files_out_proves_nothing(history: Workbench) -> None:
    """A restic that no longer reports what is unchanged."""
    drop = 'restic "$@" | grep -v unchanged; exit 0'
    history.wrap_restic(f'case " $* " in *" --dry-run "*) {drop};; esac')
    history.prefix = denied(errno.EPERM, *OWNERS)
    ended = history.restore(snapshot(history))
    assert ended.reason == ErrorClass.TARGET_REFUSED
    assert "it is not known what is there" in ended.text


def test_links_that_cannot_be_made_are_missing_data(history: Workbench) -> None:
    history.prefix = denied(errno.EPERM, "link", "linkat", *OWNERS)
    ended = history.restore(snapshot(history))
    assert ended.reason == ErrorClass.TARGET_REFUSED
    assert "link" in ended.text
    assert ended.result.restored is not None


def test_a_full_volume_is_not_a_full_storage(history: Workbench) -> None:
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = f'set -e; mount -t tmpfs -o size=32k tmpfs {history.volume}; exec "$@"'
    history.prefix = ["unshare", *user, "--mount", "sh", "-c", script, "sh"]
    assert history.restore(snapshot(history)).reason == ErrorClass.TARGET_FULL


def test_a_volume_that_cannot_be_written_is_not_a_storage_that_refuses(
    history: Workbench,
) -> None:
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    script = f'set -e; mount -t tmpfs -o ro tmpfs {history.volume}; exec "$@"'
    history.prefix = ["unshare", *user, "--mount", "sh", "-c", script, "sh"]
    assert history.restore(snapshot(history)).reason == ErrorClass.TARGET_REFUSED


def test_data_that_the_storage_lost_is_not_the_fault_of_the_volume(history: Workbench) -> None:
    for pack in (history.repository / "data").rglob("*"):
        if pack.is_file():
            pack.unlink()
    history.prefix = denied(errno.EPERM, *OWNERS)
    assert history.restore(snapshot(history)).reason == ErrorClass.REPOSITORY_DAMAGED


def test_a_requested_restore_is_done_although_owners_were_refused(history: Workbench) -> None:
    history.prefix = denied(errno.EPERM, *OWNERS)
    first = history.restore(snapshot(history), order=ORDER).succeeded()
    assert first.result.metadata_refused is not None
    assert ledger(history)["state"] == "done"
    again = history.restore(snapshot(history), order=ORDER).succeeded()
    assert again.result.restored_before is not None
    assert again.result.metadata_refused == first.result.metadata_refused


def test_a_volume_without_owners_is_still_recorded_as_the_writer(history: Workbench) -> None:
    """A claim that was made anew: after the restore its backups go on."""
    history.prefix = denied(errno.EPERM, *OWNERS)
    history.restore(snapshot(history), claimUid="another", adopt=True).succeeded()
    history.prefix = ()
    history.backup(1, claimUid="another").succeeded()


def test_the_kernel_itself_refuses_an_attribute(workbench: Workbench) -> None:
    """security.ima without CAP_SYS_ADMIN, with the capabilities of the rendered pod."""
    file = workbench.volume / "file"
    file.write_text("data")
    os.setxattr(file, "security.ima", b"\x04\x04label")
    workbench.backup(0).succeeded()
    keep = "chown,dac_override,fowner,fsetid,mknod,setfcap"
    bounds = "-all," + ",".join(f"+{name}" for name in keep.split(","))
    workbench.prefix = (
        "setpriv",
        f"--bounding-set={bounds}",
        "--inh-caps=-all",
        "--no-new-privs",
        "--",
    )
    ended = workbench.restore(snapshot(workbench)).succeeded()
    assert ended.result.metadata_refused is None
