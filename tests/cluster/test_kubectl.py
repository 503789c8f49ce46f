"""``kubectl stashgen`` as kubectl's plugin, with the rights that docs/on-call.md gives."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from stashgen.yaml.emitter import emit
from tests.cluster import installation
from tests.cluster.kube import Json, Kube
from tests.support import compiled_project
from tests.support.compiled_project import DATA
from tests.support.place import ROOT

_DOCS = (ROOT / "docs" / "on-call.md").read_text(encoding="utf-8")
_COMMANDS = re.findall(r"^\$ (.*)$", _DOCS, re.MULTILINE)
(_ROLE,) = re.findall(r"^```yaml\n(.*?)^```", _DOCS, re.MULTILINE | re.DOTALL)
_ROLE_NAME = "stashgen-on-call"
Done = subprocess.CompletedProcess[str]


class User:
    """A ServiceAccount at a terminal of its own."""

    def __init__(self, kube: Kube, namespace: str, name: str, folder: Path) -> None:
        kube.kubectl("create", f"--namespace={namespace}", "serviceaccount", name)
        token = kube.kubectl("create", f"--namespace={namespace}", "token", name).strip()
        config = yaml.safe_load(kube.layout.kubeconfig.read_text(encoding="utf-8"))
        config["users"] = [{"name": name, "user": {"token": token}}]
        config["contexts"][0]["context"] |= {"user": name, "namespace": namespace}
        config["current-context"] = config["contexts"][0]["name"]
        self._kubeconfig = folder / f"{name}.kubeconfig"
        self._kubeconfig.write_text(emit(config), encoding="utf-8")

    def run(self, line: str) -> Done:
        """Run a command line."""
        return subprocess.run(
            shlex.split(line),
            env=os.environ | {"KUBECONFIG": str(self._kubeconfig)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture
def volume(kube: Kube, namespace: str, tmp_path: Path) -> str:
    """A namespace with a volume that was backed up once."""
    installation.prepare(kube, namespace)
    # The kubelet lets the group write at the next mount of a pod with an fsGroup: before a backup.
    installation.tree(kube, namespace)
    installation.compile_and_apply(kube, namespace, tmp_path)
    installation.wait_for_phase(kube, namespace, "backupconfiguration", DATA, "Ready")
    installation.initial_backup(kube, namespace)
    return namespace


@pytest.fixture
def on_call(kube: Kube, volume: str, tmp_path: Path) -> Iterator[User]:
    """Who has the role of docs/on-call.md in all namespaces."""
    kube.kubectl("apply", "--filename=-", content=_ROLE)
    binding = f"on-call-{volume}"
    account = f"--serviceaccount={volume}:on-call"
    kube.kubectl("create", "clusterrolebinding", binding, f"--clusterrole={_ROLE_NAME}", account)
    yield User(kube, volume, "on-call", tmp_path)
    kube.kubectl("delete", "clusterrolebinding", binding)
    kube.kubectl("delete", "clusterrole", _ROLE_NAME)


@pytest.mark.usefixtures("installed")
def test_whoever_is_on_call_can_do_what_the_document_says(
    kube: Kube, volume: str, on_call: User
) -> None:
    before = installation.tree(kube, volume)
    assert len(_COMMANDS) > 10
    for command in _COMMANDS:
        line = command.replace("-n shop", f"-n {volume}").replace("data-orders", DATA)
        done = on_call.run(line)
        # Other tests' namespaces may hold what needs somebody.
        wanted = {0, 1} if "--all-namespaces" in line else {0}
        assert done.returncode in wanted, (line, done.stdout, done.stderr)
        assert "403" not in done.stderr, (line, done.stderr)
    assert installation.tree(kube, volume) == before
    sessions = installation.names(kube, volume, "backupsessions")
    restores = installation.names(kube, volume, "restoresessions")
    # A tick of the hour may have come in between.
    assert len(sessions) >= 2
    assert len(restores) == 1

    screen = on_call.run(f"kubectl stashgen status -n {volume}").stdout
    assert "nothing needs attention" in screen
    assert "1 of 1 copy recent enough, 1 of 1 volume backed up, 2 restore points." in screen
    same = on_call.run(f"stashgen status {DATA} -n {volume}")
    assert same.returncode == 0, same
    assert f"restoresession/{restores[0]}" in same.stdout
    assert "RestoreSucceeded" in same.stdout


@pytest.mark.usefixtures("installed")
def test_a_written_restore_is_carried_out_by_the_controller(
    kube: Kube, volume: str, on_call: User, tmp_path: Path
) -> None:
    before = installation.tree(kube, volume)
    file = tmp_path / "restore.yaml"
    done = on_call.run(f"kubectl stashgen restore {DATA} -f {file}")
    assert done.returncode == 0, done
    installation.run(kube, volume, "wipe", DATA, "rm -rf /data/*")
    kube.kubectl("apply", f"--filename={file}")
    (name,) = installation.names(kube, volume, "restorerequests")
    kube.kubectl(
        "wait", f"--namespace={volume}", "restorerequest", name, "--for=condition=Ready",
        "--timeout=120s",
    )  # fmt: skip
    assert kube.get(volume, "restorerequest", name)["status"]["phase"] == "Succeeded"
    assert installation.tree(kube, volume) == before
    assert f"restorerequest/{name}" in on_call.run(f"kubectl stashgen status {DATA}").stdout


@pytest.mark.usefixtures("installed")
def test_why_a_backup_failed_is_told_to_its_pod(kube: Kube, volume: str, on_call: User) -> None:
    installation.initial_upkeep(kube, volume)
    kube.kubectl("delete", f"--namespace={volume}", "secret", compiled_project.KEY)
    done = on_call.run(f"kubectl stashgen trigger {DATA} --wait --timeout 3m")
    assert done.returncode == 1, done
    assert "SecretMissing" in done.stderr
    screen = on_call.run("kubectl stashgen status")
    assert screen.returncode == 1
    assert "FAILED (1)" in screen.stdout
    assert "SecretMissing" in screen.stdout
    assert f"kubectl describe secret {compiled_project.KEY} -n {volume}" in screen.stdout
    detail = on_call.run(f"kubectl stashgen status {DATA}")
    assert detail.returncode == 1
    assert "node1" in detail.stdout
    assert "exit code 1" in detail.stdout
    assert "BackupFailed" in detail.stdout
    assert on_call.run(f"kubectl stashgen logs {DATA}").stdout.strip()


@pytest.mark.usefixtures("installed")
def test_missing_rights_are_named_and_change_nothing(
    kube: Kube, volume: str, tmp_path: Path
) -> None:
    nobody = User(kube, volume, "nobody", tmp_path)
    done = nobody.run("kubectl stashgen status")
    _is_refusal(done, "cannot list resource")
    reader = User(kube, volume, "reader", tmp_path)
    role: Json = yaml.safe_load(_ROLE)
    ours, _, claims, _ = role["rules"]
    role |= {"kind": "Role", "metadata": {"name": "reader"}, "rules": [ours, claims]}
    kube.apply(volume, role)
    kube.kubectl(
        "create", f"--namespace={volume}", "rolebinding", "reader", "--role=reader",
        f"--serviceaccount={volume}:reader",
    )  # fmt: skip
    done = reader.run(f"kubectl stashgen status {DATA}")
    assert done.returncode == 0, done
    for kind in ("pods", "events", "cronjobs"):
        assert f"note: {kind} are left out: " in done.stderr
    before = installation.names(kube, volume, "backupsessions")
    _is_refusal(reader.run(f"kubectl stashgen trigger {DATA}"), "cannot create resource")
    _is_refusal(reader.run(f"kubectl stashgen restore {DATA} --now"), "cannot create resource")
    _is_refusal(reader.run("kubectl stashgen status -A"), "cannot list resource")
    assert installation.names(kube, volume, "backupsessions") == before
    assert reader.run(f"kubectl stashgen snapshots {DATA}").returncode == 0


def _is_refusal(done: Done, why: str) -> None:
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("stashgen: permission denied (403): "), done
    assert why in done.stderr
    *notes, last = [line for line in done.stderr.splitlines() if not line.startswith("note: ")]
    assert notes == []
    assert "Traceback" not in last
