"""A strict cluster to attack: a compiled namespace, the controller's token, a Job that is fine."""

import copy
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import urllib3
import yaml

from stashgen.api.backup_session import BackupSession
from stashgen.api.strict_mode import (
    CONTROLLER_ACCOUNT,
    CONTROLLER_NAMESPACE,
    JOBS_POLICY,
    WRITES_POLICY,
)
from stashgen_controller.jobs.manifest import job_manifest, owner_of
from stashgen_controller.protocol.run_spec import RunSpec
from tests.support.strict.attacks import JOBS, MERGE, Attack, Ground, Json, Request
from tools.manifests import DEPLOY

# By this the audit log tells the attacks from what the controller itself asks for.
AGENT = "stashgen-attack"
_SECONDS = 120
_BINDING = "stashgen-attack"
_SECRETS = Request("GET", "/api/v1/secrets")
_CLAIM: Json = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
_RESTRICTED: Json = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
_IMAGE: Json = {"image": "localhost/nothing:1", "imagePullPolicy": "Never"}
_POD: Json = {
    "automountServiceAccountToken": False,
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "containers": [{"name": "app", **_IMAGE, "securityContext": _RESTRICTED}],
}

_SNAPSHOT: Json = {"metadata": {"name": "library-1"}}
_PLANS: dict[str, Json] = {
    "backup": {"verb": "backup", "backup_session": "s", "snapshot": _SNAPSHOT},
    "restore": {"verb": "restore", "restore_session": "s", "snapshot": _SNAPSHOT},
    "maintain": {"verb": "retain", "backup_session": "s"},
}


class Kubectl(Protocol):
    """Runs kubectl as the administrator."""

    def __call__(self, *arguments: str, content: str | None = None) -> str:
        """What it prints."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API server said."""

    status: int
    body: Any

    @property
    def message(self) -> str:
        """The text of a refusal."""
        return str(self.body.get("message")) if isinstance(self.body, dict) else str(self.body)


class Api:
    """Bare requests with a token."""

    def __init__(self, url: str, ca_file: Path, token: str) -> None:
        self._pool = urllib3.PoolManager(ca_certs=str(ca_file), retries=False)
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}", "User-Agent": AGENT}

    def __call__(self, request: Request) -> Answer:
        """Send one request."""
        answer = self._pool.request(
            request.method,
            self._url + request.path,
            body=json.dumps(request.body).encode() if request.body is not None else None,
            headers={**self._headers, "Content-Type": request.content_type, **request.headers},
            timeout=_SECONDS,
        )
        try:
            return Answer(answer.status, json.loads(answer.data))
        except ValueError:
            return Answer(answer.status, answer.data.decode(errors="replace"))


def objects_of(rendered: Path) -> list[Json]:
    """What a compile left in a folder, kustomizations aside."""
    return [
        document
        for path in sorted(rendered.rglob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if document["kind"] != "Kustomization"
    ]


def jobs_of(objects: list[Json], owner: Json) -> dict[str, Json]:
    """A Job as the controller makes it, for each reviewed template, by verb."""
    made = {}
    for item in objects:
        if item["kind"] != "PodTemplate":
            continue
        verb = item["metadata"]["name"].partition("-")[0]
        plan = RunSpec(cluster_uid="u", **_PLANS.get(verb, _PLANS["maintain"]))
        made[verb] = job_manifest(
            name=f"fine-{verb}",
            owner=owner_of(BackupSession.from_wire(owner)),
            template=item["template"],
            plan=plan,
            labels={"kubestash.com/session-name": "backup", "kubestash.com/repo-name": "local"},
            now=datetime.now(UTC),
        )
    return made


def prepare(kubectl: Kubectl, namespace: str, elsewhere: str, rendered: Path) -> Ground:
    """Apply what was compiled, and what belongs to other people."""
    objects = objects_of(rendered)
    kubectl("apply", "--server-side", f"--kustomize={rendered}")
    storage = "storage.kubestash.com/v1alpha1"
    for item in (
        _named("v1", "Pod", "app", namespace) | {"spec": _POD},
        _named("v1", "Secret", "victim", namespace) | {"stringData": {"password": "1"}},
        _named("v1", "PersistentVolumeClaim", "victim", namespace) | {"spec": _CLAIM},
        _named(storage, "Snapshot", "victim", namespace) | {"spec": {"repository": "victim"}},
    ):
        kubectl("apply", "--filename=-", content=json.dumps(item))
    others = ("create", "job", "others-job", "--image=localhost/nothing:1")
    kubectl(*others, f"--namespace={namespace}")
    jobs = jobs_of(objects, session(kubectl, namespace, "attacked"))
    kubectl("create", "--filename=-", content=json.dumps(jobs["backup"]))
    (repository,) = [o["metadata"]["name"] for o in objects if o["kind"] == "Repository"]
    return Ground(
        namespace=namespace,
        elsewhere=elsewhere,
        jobs=jobs,
        repository=repository,
        template=f"backup-{repository}",
        session="attacked",
        running=jobs["backup"]["metadata"]["name"],
    )


def session(kubectl: Kubectl, namespace: str, name: str) -> Json:
    """A BackupSession that nobody acts on; as stored."""
    body = _named("core.kubestash.com/v1alpha1", "BackupSession", name, namespace) | {
        "spec": {"invoker": {"kind": "BackupConfiguration", "name": "nobody"}}
    }
    kubectl("apply", "--filename=-", content=json.dumps(body))
    get = ("get", "backupsession", name, f"--namespace={namespace}", "--output=json")
    stored: Json = json.loads(kubectl(*get))
    return stored


def fine(ground: Ground, verb: str, name: str) -> Request:
    """A Job that has to be let in."""
    job = copy.deepcopy(dict(ground.jobs[verb]))
    job["metadata"]["name"] = name
    return Request("POST", f"/apis/batch/v1/namespaces/{ground.namespace}/jobs", job)


def install_roles(kubectl: Kubectl) -> None:
    """The controller's ServiceAccount and its roles of strict mode, without the controller."""
    text = kubectl("kustomize", str(DEPLOY / "strict"))
    left_out = ("Deployment", "Service", "NetworkPolicy", "PodDisruptionBudget")
    items = [item for item in yaml.safe_load_all(text) if item["kind"] not in left_out]
    kubectl("apply", "--server-side", "--filename=-", content=yaml.safe_dump_all(items))


def token(kubectl: Kubectl) -> str:
    """A fresh token of the controller's ServiceAccount."""
    namespace = f"--namespace={CONTROLLER_NAMESPACE}"
    return kubectl("create", "token", CONTROLLER_ACCOUNT, namespace).strip()


@contextmanager
def as_administrator(kubectl: Kubectl, api: Api) -> Iterator[None]:
    """Everything is allowed to the controller's user, so that only the policies can refuse."""
    account = f"--serviceaccount={CONTROLLER_NAMESPACE}:{CONTROLLER_ACCOUNT}"
    kubectl("create", "clusterrolebinding", _BINDING, "--clusterrole=cluster-admin", account)
    try:
        _until(lambda: api(_SECRETS).status == 200)
        yield
    finally:
        kubectl("delete", "clusterrolebinding", _BINDING)
        _until(lambda: api(_SECRETS).status == 403)


def are_acting(api: Api, ground: Ground) -> bool:
    """Whether both policies refuse already: they take a few seconds to act."""
    probe = {"another image": JOBS_POLICY, "nothing to compare with": WRITES_POLICY}
    requests = {item.name: item.request(ground) for item in JOBS if item.name in probe}
    return all(f"'{probe[name]}'" in api(_dry(item)).message for name, item in requests.items())


def attack(api: Api, ground: Ground, wanted: Attack, *, is_administrator: bool) -> None:
    """Try, and see it refused: by whoever comes first, or with everything allowed by us."""
    answer = api(wanted.request(ground))
    assert answer.status in {403, wanted.code}, answer
    if is_administrator:
        assert answer.status == wanted.code, answer
        assert wanted.refusal in answer.message
        assert "ValidatingAdmissionPolicy 'stashgen-" in answer.message


def own_writes(kubectl: Kubectl, ground: Ground, name: str) -> Iterator[Request]:
    """What the controller writes as a matter of course."""
    namespace = ground.namespace
    core = f"/apis/core.kubestash.com/v1alpha1/namespaces/{namespace}"
    storage = f"/apis/storage.kubestash.com/v1alpha1/namespaces/{namespace}"
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    events = f"/api/v1/namespaces/{namespace}/events"
    event = _named("v1", "Event", name, namespace) | {
        "involvedObject": {"kind": "Pod", "name": "app", "namespace": namespace}
    }
    yield Request("POST", events, event)
    yield Request("PATCH", f"{events}/{name}", {"count": 2}, MERGE)
    backup = _named("core.kubestash.com/v1alpha1", "BackupSession", name, namespace)
    yield Request("POST", f"{core}/backupsessions", backup)
    snapshot = _named("storage.kubestash.com/v1alpha1", "Snapshot", name, namespace)
    yield Request("POST", f"{storage}/snapshots", snapshot)
    for path in (
        f"{core}/backupsessions/{name}",
        f"{core}/backupconfigurations/library",
        f"{storage}/snapshots/{name}",
        f"{storage}/repositories/{ground.repository}",
        f"{storage}/backupstorages/local",
    ):
        plural, _, own = path.removeprefix("/apis/").partition("/")[2].rpartition("/")
        kind = plural.rpartition("/")[2]
        text = kubectl("get", kind, own, f"--namespace={namespace}", "--output=json")
        yield Request("PUT", f"{path}/status", json.loads(text) | {"status": {"conditions": []}})
    yield Request("DELETE", f"{storage}/snapshots/{name}")
    yield Request("DELETE", f"{core}/backupsessions/{name}")
    yield fine(ground, "backup", name)
    yield Request("DELETE", f"{jobs}/{name}", {"propagationPolicy": "Background"})


def own_lease(kubectl: Kubectl) -> Iterator[Request]:
    """The Lease of the leader election, where no controller runs."""
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{CONTROLLER_NAMESPACE}/leases"
    version = "coordination.k8s.io/v1"
    lease = _named(version, "Lease", CONTROLLER_ACCOUNT, CONTROLLER_NAMESPACE)
    where = f"--namespace={CONTROLLER_NAMESPACE}"
    kubectl("delete", "lease", CONTROLLER_ACCOUNT, where, "--ignore-not-found")
    yield Request("POST", leases, lease)
    text = kubectl("get", "lease", CONTROLLER_ACCOUNT, where, "--output=json")
    held = json.loads(text) | {"spec": {"holderIdentity": "me"}}
    yield Request("PUT", f"{leases}/{CONTROLLER_ACCOUNT}", held)


def _named(api_version: str, kind: str, name: str, namespace: str) -> Json:
    metadata = {"name": name, "namespace": namespace}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


def _dry(request: Request) -> Request:
    return replace(request, path=f"{request.path}?dryRun=All")


def _until(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SECONDS
    while not is_true():
        assert time.monotonic() < deadline, f"not so after {_SECONDS} s"
        time.sleep(0.1)
