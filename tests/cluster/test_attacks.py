"""Strict mode on a whole cluster: it backs up and restores, and its token cannot do anything else.

The policies and the reviewed pods are what the compiler wrote, the token is the controller's own.
"""

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from stashgen.api.strict_mode import JOBS_POLICY, PARTS, WRITES_POLICY
from tests.cluster import installation
from tests.cluster.audit import requests
from tests.cluster.conftest import fresh_namespace
from tests.cluster.installation import CONTROLLER, SYSTEM, Json
from tests.cluster.kube import Kube
from tests.support import compiled_project
from tests.support.compiled_project import DATA
from tests.support.strict import ground as strict
from tests.support.strict.attacks import ATTACKS, BEYOND_ADMISSION, Attack, Ground, Request
from tests.support.strict.ground import Api
from tools.cluster.certificates import authority

pytestmark = pytest.mark.alone

_KINDS = ("validatingadmissionpolicy", "validatingadmissionpolicybinding")
_REPLICAS = 2
_CONTROLLERS = "app.kubernetes.io/name=stashgen-controller"


@pytest.fixture(scope="module")
def shop(kube: Kube, strict_mode: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A strict namespace with a volume that is protected."""
    del strict_mode
    with fresh_namespace(kube) as name:
        installation.prepare(kube, name)
        folder = tmp_path_factory.mktemp("strict")
        installation.compile_and_apply(kube, name, folder, is_strict=True)
        installation.wait_for_phase(kube, name, "backupconfiguration", DATA, "Ready")
        yield name


@pytest.fixture(scope="module")
def ground(
    kube: Kube, strict_mode: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    """A compiled namespace to attack, and one that nobody compiled."""
    del strict_mode
    with fresh_namespace(kube) as name, fresh_namespace(kube) as elsewhere:
        folder = tmp_path_factory.mktemp("attacked")
        rendered = compiled_project.compile_project(name, folder, is_strict=True)
        yield strict.prepare(kube.kubectl, name, elsewhere, rendered)


@pytest.fixture(scope="module")
def api(kube: Kube, ground: Ground) -> Api:
    """The controller's own token, once the policies act."""
    config = json.loads(kube.kubectl("config", "view", "--raw", "--output=json"))
    (cluster,) = [item["cluster"] for item in config["clusters"]]
    mine = Api(cluster["server"], authority(kube.layout), strict.token(kube.kubectl))
    kube.wait_until(lambda: strict.are_acting(mine, ground))
    return mine


@pytest.fixture(scope="module", params=["roles", "cluster-admin"])
def rights(request: pytest.FixtureRequest, kube: Kube, api: Api) -> Iterator[str]:
    """With its own roles, then with everything: the second tests the policies and not RBAC."""
    right = str(request.param)
    if right == "roles":
        yield right
        return
    with strict.as_administrator(kube.kubectl, api):
        yield right


def test_strict_volume_is_backed_up_and_restored_byte_by_byte(kube: Kube, shop: str) -> None:
    before = installation.tree(kube, shop)
    first = installation.initial_backup(kube, shop)

    installation.write(kube, shop, "second")
    second = installation.back_up(kube, shop, DATA, "backup", "by-hand")
    assert second["status"]["phase"] == "Succeeded", second["status"]
    (retention,) = second["status"]["retentionPolicy"]
    assert retention["phase"] == "Applied", retention

    (repository,) = installation.names(kube, shop, "repositories")
    (snapshot,) = [item["name"] for item in first["status"]["snapshots"]]
    installation.run(kube, shop, "wipe", DATA, "rm -rf /data/*")
    restored = installation.restore(kube, shop, "back-to-first", repository, snapshot)
    assert restored["status"]["phase"] == "Succeeded", restored["status"]
    assert installation.tree(kube, shop) == before


def test_workers_of_a_strict_namespace_speak_to_nobody(kube: Kube, shop: str) -> None:
    """They have no token; what they did is known by their termination messages alone."""
    worker = f"system:serviceaccount:{shop}:stashgen-worker"
    snapshots = installation.names(kube, shop, "snapshots")
    assert snapshots
    for name in snapshots:
        status = kube.get(shop, "snapshot", name)["status"]
        assert status["phase"] == "Succeeded"
        assert status["components"]["dump"]["resticStats"][0]["summary"]["id"]
    assert [item for item in requests(kube.layout.audit_log) if item.user == worker] == []


def test_kubernetes_finds_no_fault_in_the_policies(kube: Kube, shop: str) -> None:
    del shop
    for name in (JOBS_POLICY, WRITES_POLICY):
        kube.wait_until(partial(_is_type_checked, kube, name))
        assert _type_checked(kube, name) == {}, name


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack_is_refused(api: Api, ground: Ground, rights: str, attack: Attack) -> None:
    strict.attack(api, ground, attack, is_administrator=rights == "cluster-admin")


@pytest.mark.parametrize("rights", ["roles"], indirect=True)
@pytest.mark.parametrize("attack", BEYOND_ADMISSION, ids=lambda attack: attack.name)
@pytest.mark.usefixtures("rights")
def test_what_no_policy_is_asked_about_is_refused_by_rbac(
    api: Api, ground: Ground, attack: Attack
) -> None:
    answer = api(attack.request(ground))
    assert answer.status == 403, answer
    assert attack.refusal in answer.message


@pytest.mark.parametrize("rights", ["roles"], indirect=True)
@pytest.mark.usefixtures("rights")
def test_all_that_it_may_do_has_nothing_on_secrets_roles_and_exec(api: Api, ground: Ground) -> None:
    """What ``kubectl auth can-i --list`` shows to the holder of the token."""
    path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"
    for namespace in (ground.namespace, ground.elsewhere, SYSTEM):
        answer = api(Request("POST", path, {"spec": {"namespace": namespace}}))
        rules = answer.body["status"]["resourceRules"]
        reviews = {"selfsubjectreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews"}
        named = {item for rule in rules for item in rule["resources"]} - reviews
        forbidden = (
            "secrets",
            "roles",
            "rolebindings",
            "clusterroles",
            "pods/",
            "serviceaccounts/",
        )
        assert not [item for item in named if item == "*" or item.startswith(forbidden)]
        jobs = {verb for rule in rules if "jobs" in rule["resources"] for verb in rule["verbs"]}
        may_start = namespace == ground.namespace
        assert ("create" in jobs) == may_start


def test_jobs_of_other_users_are_untouched(kube: Kube, ground: Ground) -> None:
    for namespace in (ground.namespace, ground.elsewhere, SYSTEM):
        job = ("create", "job", "not-ours", "--image=localhost/nothing:1")
        kube.kubectl(*job, f"--namespace={namespace}")
        kube.kubectl("delete", "job", "not-ours", f"--namespace={namespace}", "--wait=false")


def test_during_a_sync_a_session_waits_and_does_not_fail(kube: Kube, shop: str) -> None:
    """Git's reviewed pods are of tomorrow, its PodTemplates still of today."""
    kept = kube.get(shop, "reviewedtemplates", PARTS[0])
    changed = copy.deepcopy(kept)
    for template in changed["spec"]["templates"]:
        template["podSpec"]["containers"][0]["image"] = "stashgen-worker:tomorrow"
    _replace(kube, changed)
    try:
        session = _session(kube, shop, "during-a-sync")
        kube.wait_until(lambda: _reason(kube, shop, session) == "NotReviewedYet")
        status = kube.get(shop, "backupsession", session)["status"]
        assert status["phase"] in {"Pending", "Running"}, status
        (condition,) = [c for c in status["conditions"] if c["type"] == "BackupExecutorEnsured"]
        assert "differs from the reviewed template" in condition["message"]
    finally:
        _replace(kube, kept)
    finished = installation.finished_backup(kube, shop, session)
    assert finished["status"]["phase"] == "Succeeded", finished["status"]


def test_without_a_policy_no_job_is_started_and_nobody_is_ready(kube: Kube, shop: str) -> None:
    with _without(kube, f"{JOBS_POLICY}-1"):
        kube.kubectl("delete", "pods", f"--namespace={SYSTEM}", f"--selector={_CONTROLLERS}")
        session = _session(kube, shop, "without-a-policy")
        kube.wait_until(lambda: _reason(kube, shop, session) == "AdmissionPolicyMissing")
        kube.wait_until(lambda: _ready(kube) == 0)
        made = [name for name in installation.names(kube, shop, "jobs") if session in name]
        assert made == []
    finished = installation.finished_backup(kube, shop, session)
    assert finished["status"]["phase"] == "Succeeded", finished["status"]
    kube.wait_until(lambda: _ready(kube) == _REPLICAS)


@contextmanager
def _without(kube: Kube, binding: str) -> Iterator[None]:
    """As long as a binding is gone; it is put back whatever happens."""
    get = ("get", _KINDS[1], binding, "--output=json")
    stored = json.loads(kube.kubectl(*get))
    kube.kubectl("delete", _KINDS[1], binding)
    try:
        yield
    finally:
        stored["metadata"] = {key: stored["metadata"][key] for key in ("name", "annotations")}
        kube.kubectl("apply", "--server-side", "--filename=-", content=json.dumps(stored))


def test_plain_manifests_are_refused_with_a_reason(
    kube: Kube, strict_mode: None, namespace: str, tmp_path: Path
) -> None:
    del strict_mode
    installation.prepare(kube, namespace)
    installation.apply_plain(kube, namespace, tmp_path)
    installation.wait_for_phase(kube, namespace, "backupconfiguration", "library-backup", "Invalid")
    status = kube.get(namespace, "backupconfiguration", "library-backup")["status"]
    (condition,) = [c for c in status["conditions"] if c["type"] == "ValidationPassed"]
    assert condition["reason"] == "NotCompiled"
    assert "strict mode" in condition["message"]
    assert installation.names(kube, namespace, "repositories") == []
    assert installation.names(kube, namespace, "cronjobs") == []


def test_the_strict_controller_asks_for_nothing_that_it_may_not(kube: Kube, shop: str) -> None:
    del shop
    asked = [
        item
        for item in requests(kube.layout.audit_log)
        if item.user == CONTROLLER and item.agent.endswith("(strict)")
    ]
    assert len(asked) > 20
    refused = {f"{item.verb} {item.target}" for item in asked if not item.is_allowed}
    # While a namespace is being applied its RoleBinding may come last.
    assert refused <= {"create jobs"}


def _session(kube: Kube, namespace: str, name: str) -> str:
    """A new BackupSession, as a trigger makes it."""
    before = set(installation.names(kube, namespace, "backupsessions"))
    trigger = f"--from=cronjob/trigger-{DATA}-backup"
    kube.kubectl("create", f"--namespace={namespace}", "job", name, trigger)
    kube.wait_until(lambda: set(installation.names(kube, namespace, "backupsessions")) - before)
    (made,) = set(installation.names(kube, namespace, "backupsessions")) - before
    return made


def _reason(kube: Kube, namespace: str, session: str) -> str | None:
    status = kube.get(namespace, "backupsession", session).get("status") or {}
    found = [c for c in status.get("conditions") or () if c["type"] == "BackupExecutorEnsured"]
    return found[0]["reason"] if found else None


def _replace(kube: Kube, obj: Json) -> None:
    content = json.loads(json.dumps(obj))
    content["metadata"] = {key: content["metadata"][key] for key in ("name", "namespace")}
    kube.kubectl("replace", "--filename=-", content=json.dumps(content))


def _is_type_checked(kube: Kube, policy: str) -> bool:
    return _type_checked(kube, policy) is not None


def _type_checked(kube: Kube, policy: str) -> Json:
    """What Kubernetes' type checker has to say; None before it has looked."""
    status = json.loads(kube.kubectl("get", _KINDS[0], policy, "--output=json"))["status"]
    return status.get("typeChecking")


def _ready(kube: Kube) -> int:
    """How many controllers are ready."""
    get = ("get", "deployment", "stashgen-controller", f"--namespace={SYSTEM}", "--output=json")
    return int(json.loads(kube.kubectl(*get))["status"].get("readyReplicas", 0))
