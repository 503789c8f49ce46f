"""The CronJob's verb, on a real HTTP API."""

from collections.abc import Iterator

import pytest

from stashgen.api.resources import BACKUP_CONFIGURATIONS, BACKUP_SESSIONS
from stashgen_controller.embedded.apiserver.server import EmbeddedServer
from stashgen_controller.kube.client import Client
from tests.support.workbench import NAMESPACE, Ended, Json, Workbench

_ARGS = [
    "trigger",
    f"--namespace={NAMESPACE}",
    "--invoker-kind=BackupConfiguration",
    "--invoker-name=nightly",
    "--session-name=backup",
]


@pytest.fixture
def configuration(client: Client) -> Iterator[Json]:
    """A BackupConfiguration with one session."""
    manifest: Json = {
        "apiVersion": "core.kubestash.com/v1alpha1",
        "kind": "BackupConfiguration",
        "metadata": {"name": "nightly", "namespace": NAMESPACE},
        "spec": {
            "target": {"kind": "PersistentVolumeClaim", "name": "library"},
            "backends": [{"name": "local", "storageRef": {"name": "local"}}],
            "sessions": [
                {
                    "name": "backup",
                    "backupTimeout": "1h0m0s",
                    "scheduler": {"schedule": "17 * * * *", "jobTemplate": {}},
                    "addon": {"name": "pvc-addon", "tasks": [{"name": "logical-backup"}]},
                    "repositories": [
                        {
                            "name": "local-k3f9q",
                            "backend": "local",
                            "directory": "demo/library",
                            "encryptionSecret": {"name": "restic-key"},
                        }
                    ],
                }
            ],
        },
    }
    yield client.create(BACKUP_CONFIGURATIONS, NAMESPACE, manifest)
    client.delete(BACKUP_CONFIGURATIONS, NAMESPACE, "nightly")
    for session in sessions(client):
        client.delete(BACKUP_SESSIONS, NAMESPACE, session["metadata"]["name"])


def sessions(client: Client) -> list[Json]:
    found: list[Json] = [*client.list(BACKUP_SESSIONS, NAMESPACE)[0]]
    return [item for item in found if item["spec"]["invoker"]["name"] == "nightly"]


def trigger(workbench: Workbench, server: EmbeddedServer, job: str, *args: str) -> Ended:
    workbench.api_url = server.url
    workbench.environment["JOB_NAME"] = job
    return workbench.run([*_ARGS, *args], {})


def test_a_tick_makes_one_session_however_often_it_is_tried(
    workbench: Workbench, server: EmbeddedServer, client: Client, configuration: Json
) -> None:
    for _ in range(2):
        trigger(workbench, server, "trigger-nightly-backup-29631077").succeeded()
    (session,) = sessions(client)
    assert session["metadata"]["name"] == f"nightly-backup-{29631077 * 60}"
    assert session["metadata"]["ownerReferences"][0]["uid"] == configuration["metadata"]["uid"]
    assert session["spec"]["backupTimeout"] == "1h0m0s"
    trigger(workbench, server, "trigger-nightly-backup-29631137").succeeded()
    assert len(sessions(client)) == 2


@pytest.mark.usefixtures("configuration")
def test_a_paused_configuration_starts_nothing(
    workbench: Workbench, server: EmbeddedServer, client: Client
) -> None:
    client.patch(BACKUP_CONFIGURATIONS, NAMESPACE, "nightly", {"spec": {"paused": True}})
    trigger(workbench, server, "trigger-nightly-backup-29631077").succeeded()
    assert sessions(client) == []


@pytest.mark.usefixtures("configuration")
def test_a_name_that_another_session_has_is_not_taken_for_ours(
    workbench: Workbench, server: EmbeddedServer, client: Client
) -> None:
    name = f"nightly-backup-{29631077 * 60}"
    other: Json = {
        "apiVersion": "core.kubestash.com/v1alpha1",
        "kind": "BackupSession",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"invoker": {"kind": "BackupConfiguration", "name": "nightly"}, "session": "x"},
    }
    client.create(BACKUP_SESSIONS, NAMESPACE, other)
    ended = trigger(workbench, server, "trigger-nightly-backup-29631077")
    assert ended.reason == "Internal"
    assert "NameCollision" in ended.text


@pytest.mark.usefixtures("configuration")
@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--invoker-name=nobody"], "BackupConfiguration"),
        (["--session-name=weekly"], "has no session 'weekly'"),
        (["--invoker-kind=BackupBatch"], "not supported yet"),
    ],
)
def test_what_cannot_be_triggered_is_said(
    workbench: Workbench,
    server: EmbeddedServer,
    client: Client,
    args: list[str],
    text: str,
) -> None:
    ended = trigger(workbench, server, "trigger-nightly-backup-29631077", *args)
    assert ended.reason == "Internal"
    assert text in ended.text
    assert sessions(client) == []


def test_an_api_server_that_is_away_is_unavailable(workbench: Workbench) -> None:
    workbench.api_url = "http://127.0.0.1:9"
    assert workbench.run(_ARGS, {}).reason == "Unavailable"
