"""The result's second way home: what the worker patches, on a real HTTP API."""

import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stashgen.api.base import name_of, uid_of
from stashgen.api.resources import BACKUP_SESSIONS, RESTORE_SESSIONS, SNAPSHOTS, Resource
from stashgen_controller.embedded.apiserver.server import EmbeddedServer
from stashgen_controller.kube.client import Client
from tests.support.workbench import (
    COMPONENT,
    NAMESPACE,
    Json,
    Workbench,
    make_unreadable,
    session_name,
    snapshot_manifest,
    snapshot_name,
)


@pytest.fixture
def reporting(workbench: Workbench, server: EmbeddedServer, client: Client) -> Iterator[Workbench]:
    """A workbench whose objects are on the API server."""
    session = {
        "apiVersion": "core.kubestash.com/v1alpha1",
        "kind": "BackupSession",
        "metadata": {"name": session_name(0), "namespace": NAMESPACE},
        "spec": {
            "invoker": {"kind": "BackupConfiguration", "name": "library"},
            "session": "backup",
        },
    }
    restore = {
        "apiVersion": "core.kubestash.com/v1alpha1",
        "kind": "RestoreSession",
        "metadata": {"name": "restore", "namespace": NAMESPACE},
        "spec": {
            "target": {"kind": "PersistentVolumeClaim", "name": "library", "namespace": NAMESPACE},
            "dataSource": {"snapshot": snapshot_name(0)},
            "addon": {"name": "pvc-addon", "tasks": [{"name": "logical-backup-restore"}]},
        },
    }
    snapshot = snapshot_manifest(0)
    del snapshot["metadata"]["creationTimestamp"]
    objects = [(BACKUP_SESSIONS, session), (RESTORE_SESSIONS, restore), (SNAPSHOTS, snapshot)]
    for resource, obj in objects:
        created = client.create(resource, NAMESPACE, obj)
        workbench.uids[name_of(created)] = uid_of(created)
    workbench.api_url = server.url
    yield workbench
    for resource, obj in objects:
        client.delete(resource, NAMESPACE, obj["metadata"]["name"])


def status(client: Client, resource: Resource, name: str) -> Json:
    return client.get(resource, NAMESPACE, name).get("status") or {}


def test_a_good_backup_patches_the_component_and_the_last_copy_the_session(
    reporting: Workbench, client: Client
) -> None:
    result = reporting.backup(0, lastCopy=True).succeeded().result
    found = status(client, SNAPSHOTS, snapshot_name(0))
    assert found == {
        "totalComponents": 1,
        "components": {name: item.to_wire() for name, item in result.components.items()},
    }
    assert found["components"][COMPONENT]["phase"] == "Succeeded"
    assert status(client, BACKUP_SESSIONS, session_name(0)) == {"phase": "Succeeded"}


def test_objects_that_were_created_again_meanwhile_are_left_alone(
    reporting: Workbench, client: Client
) -> None:
    for resource, name in (
        (SNAPSHOTS, snapshot_name(0)),
        (BACKUP_SESSIONS, session_name(0)),
        (RESTORE_SESSIONS, "restore"),
    ):
        obj: Json = client.get(resource, NAMESPACE, name)
        client.delete(resource, NAMESPACE, name)
        client.create(resource, NAMESPACE, {**obj, "metadata": {"name": name}})
        client.patch(resource, NAMESPACE, name, {"status": {"phase": "Running"}}, status=True)
    reporting.backup(0, lastCopy=True).succeeded()
    reporting.restore(reporting.record(snapshot_name(0))).succeeded()
    assert status(client, SNAPSHOTS, snapshot_name(0)) == {"phase": "Running"}
    assert status(client, BACKUP_SESSIONS, session_name(0)) == {"phase": "Running"}
    assert status(client, RESTORE_SESSIONS, "restore") == {"phase": "Running"}


def test_only_the_last_copy_says_how_the_session_went(reporting: Workbench, client: Client) -> None:
    reporting.backup(0).succeeded()
    assert status(client, BACKUP_SESSIONS, session_name(0)) == {}


def test_a_good_last_copy_does_not_hide_an_earlier_one_that_failed(
    reporting: Workbench, client: Client
) -> None:
    reporting.backup(0, lastCopy=True, earlierCopyFailed=True).succeeded()
    assert status(client, BACKUP_SESSIONS, session_name(0)) == {"phase": "Failed"}


def test_a_failed_backup_patches_why(reporting: Workbench, client: Client) -> None:
    reporting.password.write_text("guess", encoding="utf-8")
    reporting.backup(0, lastCopy=True)
    component = status(client, SNAPSHOTS, snapshot_name(0))["components"][COMPONENT]
    assert component["phase"] == "Failed"
    assert component["error"].startswith("WrongPassword: restic backup: wrong password")
    assert status(client, BACKUP_SESSIONS, session_name(0)) == {"phase": "Failed"}


def test_a_backup_whose_record_could_not_be_written_is_no_success(
    reporting: Workbench, client: Client
) -> None:
    (reporting.directory / "snapshots").write_text("in the way", encoding="utf-8")
    assert reporting.backup(0, lastCopy=True).code == 1
    assert status(client, BACKUP_SESSIONS, session_name(0)) == {"phase": "Failed"}


def test_a_restore_patches_its_components_and_phase(reporting: Workbench, client: Client) -> None:
    (reporting.volume / "file").write_text("x", encoding="utf-8")
    reporting.backup(0).succeeded()
    record = reporting.record(snapshot_name(0))
    reporting.restore(record).succeeded()
    found = status(client, RESTORE_SESSIONS, "restore")
    assert found["phase"] == "Succeeded"
    assert found["components"][COMPONENT]["phase"] == "Succeeded"
    assert found["components"][COMPONENT]["duration"]


def test_a_failed_restore_patches_why(reporting: Workbench, client: Client) -> None:
    reporting.backup(0).succeeded()
    reporting.password.write_text("guess", encoding="utf-8")
    reporting.restore(reporting.record(snapshot_name(0)))
    found = status(client, RESTORE_SESSIONS, "restore")
    assert found["phase"] == "Failed"
    assert "WrongPassword" in found["components"][COMPONENT]["error"]


def test_an_api_server_that_is_away_does_not_fail_a_good_backup(workbench: Workbench) -> None:
    workbench.api_url = "http://127.0.0.1:9"
    workbench.backup(0, lastCopy=True).succeeded()


def test_an_api_server_that_never_answers_delays_the_message_by_one_request_at_most(
    workbench: Workbench,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        workbench.api_url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        workbench.uids |= {snapshot_name(0): "uid-of-snapshot", session_name(0): "uid-of-session"}
        process = workbench.start(workbench.backup_args(0), workbench.backup_plan(0, lastCopy=True))
        begun = time.monotonic()
        while not workbench.message_file.read_bytes():
            assert time.monotonic() - begun < 30
            time.sleep(0.05)
        assert process.poll() is None
        workbench.wait(process).succeeded()


def test_a_proxy_is_not_for_the_api_server(reporting: Workbench, client: Client) -> None:
    reporting.environment |= dict.fromkeys(("http_proxy", "HTTP_PROXY"), "http://127.0.0.1:9")
    reporting.backup(0, lastCopy=True).succeeded()
    assert status(client, BACKUP_SESSIONS, session_name(0)) == {"phase": "Succeeded"}


def test_progress_is_reported_while_restic_runs(reporting: Workbench, client: Client) -> None:
    for number in range(6):
        (reporting.volume / str(number)).write_bytes(os.urandom(16 << 20))
    slow = reporting.root / "bin"
    slow.mkdir()
    path = os.environ["PATH"]
    real = next(Path(item, "restic") for item in path.split(":") if Path(item, "restic").exists())
    # The upload is slowed down by restic itself: a status line comes every ten seconds.
    script = '#!/bin/sh\ncase "$*" in *" backup "*) set -- --limit-upload=5000 "$@";; esac\n'
    (slow / "restic").write_text(script + f'exec {real} "$@"\n', encoding="utf-8")
    (slow / "restic").chmod(0o755)
    reporting.environment["PATH"] = f"{slow}:{path}"
    process = reporting.start(reporting.backup_args(0), reporting.backup_plan(0))
    seen = []
    while process.poll() is None:
        found = status(client, SNAPSHOTS, snapshot_name(0)).get("components") or {}
        seen += [
            item["progress"]
            for item in found.get(COMPONENT, {}).get("resticStats", [])
            if "progress" in item
        ]
        time.sleep(0.2)
    reporting.wait(process).succeeded()
    assert seen
    assert seen[-1]["percentDone"].endswith("%")
    final = status(client, SNAPSHOTS, snapshot_name(0))["components"][COMPONENT]
    assert [sorted(item) for item in final["resticStats"]] == [["summary"]]


def test_ten_thousand_errors_fit_into_the_message_and_all_are_in_the_bucket(
    workbench: Workbench,
) -> None:
    """A restic that complains about 10,000 files; the real one does the rest of the work."""
    workbench.backup(0).succeeded()
    real = os.environ["PATH"]
    loud = workbench.root / "bin"
    loud.mkdir()
    error = {"message_type": "error", "error": {"message": "open: é"}, "during": "archival"}
    complaints = [json.dumps(error | {"item": f"/{number}"}) for number in range(10_000)]
    (loud / "complaints").write_text("\n".join(complaints) + "\n", encoding="utf-8")
    script = f"""#!/bin/sh
PATH={real}
case "$*" in
*" backup "*) restic "$@"; cat {loud}/complaints >&2; exit 3;;
esac
exec restic "$@"
"""
    (loud / "restic").write_text(script, encoding="utf-8")
    (loud / "restic").chmod(0o755)
    workbench.environment["PATH"] = f"{loud}:{real}"
    ended = workbench.backup(1)
    assert ended.reason == "SourceIncomplete"
    assert "10000 files: /0, /1, /2, /3, /4 and 9995 more (/0: open: é)" in ended.text
    assert len(ended.message.encode()) <= 4096
    details = ended.result.details
    assert details == f"demo/library/.stashgen/results/pod-{workbench.pod}.json"
    document = json.loads((workbench.storage / details).read_bytes())
    assert document["errorCount"] == 10_000
    assert document["errors"][-1] == "/9999: open: é"
    assert document["result"]["error"]["reason"] == "SourceIncomplete"


def test_files_of_old_results_go(workbench: Workbench) -> None:
    results = workbench.directory / ".stashgen/results"
    results.mkdir()
    for number in range(25):
        path = results / f"old-{number:02}.json"
        path.write_text("{}", encoding="utf-8")
        os.utime(path, (number, number))
    make_unreadable(workbench, "a", "b", "c", "d")
    assert workbench.backup(0).result.details is not None
    left = sorted(path.name for path in results.iterdir())
    assert len(left) == 20
    assert left[-1] == f"pod-{workbench.pod}.json"
    assert "old-05.json" not in left
