"""The admission policies of a strict cluster, attacked on a real API server without a node."""

import copy
import json
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import cast

import pytest

from stashgen.api.strict_mode import LARGEST_PART_BYTES, PARTS
from stashgen.render import render
from tests.api_contract.servers import Server, real_server, until
from tests.support.compiled_project import compile_project
from tests.support.project import PROJECT, STORAGE, claim, resolved
from tests.support.strict import ground as strict
from tests.support.strict.attacks import ATTACKS, BEYOND_ADMISSION, Attack, Ground, Json, Request
from tests.support.strict.ground import Answer, Api
from tests.support.strict.render import strict_manifests

_VERBS = ("backup", "restore", "maintain", "init")
_PATHS = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicy",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybinding",
    "ReviewedTemplates": "reviewedtemplates",
    "PodTemplate": "podtemplate",
    "RoleBinding": "rolebinding",
}
_REVIEWED = ("PodTemplate", "ReviewedTemplates", "RoleBinding")
# Three copies of each volume, as a careful policy has them.
_POLICY = """
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata: {name: gold}
spec:
  select: {namespaces: {names: [demo]}}
  sessions:
  - name: backup
    every: 1h
    copies:
    - {storage: local, keep: {last: 2}}
    - {storage: nas, keep: {last: 2}}
    - {storage: attic, keep: {last: 2}}
  job: {runAs: {user: 0, group: 0}}
"""
_OTHERS = tuple(
    STORAGE.replace("name: local}", f"name: {name}}}").replace(
        "persistentVolumeClaim: {claimName: backup-store}",
        f"nfs: {{server: {name}.storage.internal, path: /exports/backup}}",
    )
    for name in ("nas", "attic")
)


@pytest.fixture(scope="module", autouse=True)
def ticking() -> None:
    """No CronJob has to be waited for here."""


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An API server of its own: the policies are about the whole of it."""
    with real_server(tmp_path_factory.mktemp("strict")) as server:
        yield server


class _Kubectl:
    def __init__(self, server: Server) -> None:
        self._server = server

    def __call__(self, *arguments: str, content: str | None = None) -> str:
        return self._server.kubectl(*arguments, text=content)

    def make_namespace(self, name: str) -> None:
        """A namespace in which pods can be made: they need its default account."""
        self("create", "namespace", name)
        listing = ("get", "serviceaccounts", f"--namespace={name}", "--output=name")
        until(lambda: "default" in self(*listing), "no default account")


@pytest.fixture(scope="module")
def kubectl(real: Server) -> _Kubectl:
    return _Kubectl(real)


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A strict cluster's folder, as the command line compiles it."""
    return compile_project("shop", tmp_path_factory.mktemp("project"), is_strict=True)


@pytest.fixture(scope="module")
def ground(kubectl: _Kubectl, rendered: Path) -> Ground:
    """A compiled namespace under the policies."""
    strict.install_roles(kubectl)
    kubectl.make_namespace("shop")
    kubectl.make_namespace("elsewhere")
    return strict.prepare(kubectl, "shop", "elsewhere", rendered)


@pytest.fixture(scope="module")
def api(real: Server, kubectl: _Kubectl, ground: Ground) -> Api:
    """The controller's own token, once the policies act."""
    assert real.ca_file is not None
    mine = Api(real.url, real.ca_file, strict.token(kubectl))
    until(lambda: strict.are_acting(mine, ground), "the policies do not act")
    return mine


@pytest.fixture(scope="module", params=["roles", "cluster-admin"])
def rights(request: pytest.FixtureRequest, kubectl: _Kubectl, api: Api) -> Iterator[str]:
    """With its own roles, then with everything: the second tests the policies and not RBAC."""
    right = str(request.param)
    if right == "roles":
        yield right
        return
    with strict.as_administrator(kubectl, api):
        yield right


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


@pytest.mark.parametrize("verb", _VERBS)
def test_a_reviewed_job_is_let_in_and_its_pod_stored_as_it_was_reviewed(
    api: Api, ground: Ground, verb: str
) -> None:
    answer = api(strict.fine(ground, verb, f"again-{verb}"))
    assert answer.status == 201, answer.message
    assert _pod(answer.body) == _pod(ground.jobs[verb])


def test_a_restore_may_go_to_a_claim_that_is_named_after_the_own_one(
    api: Api, ground: Ground
) -> None:
    request = strict.fine(ground, "restore", "to-another-claim")
    for volume in _pod(request.body)["volumes"]:
        if volume["name"] == "kubestash-data-volume":
            volume["persistentVolumeClaim"]["claimName"] = "library-restore-monday"
    answer = api(request)
    assert answer.status == 201, answer.message


def test_a_restore_goes_to_no_claim_that_is_backed_up_itself(kubectl: _Kubectl, api: Api) -> None:
    """However it is named: that is somebody else's live volume."""
    kubectl.make_namespace("twins")
    manifests = strict_manifests("library", "library-restore-0")
    moved = json.dumps([item.data for item in manifests if item.data["kind"] in _REVIEWED])
    objects: list[Json] = json.loads(moved.replace('"namespace": "demo"', '"namespace": "twins"'))
    for item in objects:
        kubectl("apply", "--server-side", "--filename=-", content=json.dumps(item))
    own = [item for item in objects if item["metadata"]["name"].startswith("restore-")]
    of_library = [item for item in own if '"claimName": "library"' in json.dumps(item)]
    job = strict.jobs_of(of_library, strict.session(kubectl, "twins", "restored"))["restore"]
    path = "/apis/batch/v1/namespaces/twins/jobs?dryRun=All"

    def into(claim: str) -> Answer:
        text = json.dumps(job).replace('"claimName": "library"', f'"claimName": "{claim}"')
        return api(Request("POST", path, json.loads(text)))

    until(lambda: into("library").status == 201, "the restore is not let in")
    assert into("library-restore-1").status == 201
    refused = into("library-restore-0")
    assert refused.status == 403
    assert "differs from the reviewed template" in refused.message


def test_a_backup_of_another_claim_is_no_restore(api: Api, ground: Ground) -> None:
    request = strict.fine(ground, "backup", "of-another-claim")
    for volume in _pod(request.body)["volumes"]:
        if volume["name"] == "kubestash-data-volume":
            volume["persistentVolumeClaim"]["claimName"] = "library-restore-monday"
    assert api(request).status == 403


@pytest.mark.usefixtures("api")
def test_jobs_of_other_users_are_untouched(kubectl: _Kubectl, ground: Ground) -> None:
    for namespace in (ground.namespace, ground.elsewhere, "default"):
        job = ("create", "job", "not-ours", "--image=busybox", f"--namespace={namespace}")
        kubectl(*job)
        kubectl("annotate", "job", "not-ours", "a.b/c=d", f"--namespace={namespace}")
        kubectl("delete", "job", "not-ours", f"--namespace={namespace}", "--wait=false")
    # One that somebody made of a Job of ours, with all its labels.
    copied = copy.deepcopy(dict(ground.jobs["backup"]))
    copied["metadata"] |= {"name": "by-hand"}
    _pod(copied)["containers"][0]["image"] = "busybox"
    kubectl("create", "--filename=-", content=json.dumps(copied))


def test_the_controllers_own_writes_are_let_in(
    api: Api, kubectl: _Kubectl, ground: Ground, rights: str
) -> None:
    """Each entry of the short list, by its own roles and by the policies alone."""
    name = f"own-{rights}"
    for request in chain(strict.own_lease(kubectl), strict.own_writes(kubectl, ground, name)):
        answer = api(request)
        assert answer.status in {200, 201}, (request, answer)


def test_rendered_objects_are_stored_unchanged(
    kubectl: _Kubectl, ground: Ground, rendered: Path
) -> None:
    """The policies with all their defaults, and the pods with which Jobs are compared."""
    seen = set()
    for item in strict.objects_of(rendered):
        kind = item["kind"]
        if kind not in _PATHS:
            continue
        get = ("get", _PATHS[kind], item["metadata"]["name"], "--output=json")
        where = f"--namespace={item['metadata'].get('namespace', ground.namespace)}"
        stored = json.loads(kubectl(*get, where))
        # A server shows that no time was given.
        stored.get("template", {}).get("metadata", {}).pop("creationTimestamp", None)
        assert {key: stored[key] for key in item if key != "metadata"} == {
            key: value for key, value in item.items() if key != "metadata"
        }
        seen.add(kind)
    assert seen == _PATHS.keys()


def test_200_volumes_with_three_copies_stay_within_the_limits(kubectl: _Kubectl, api: Api) -> None:
    """Of etcd (1.5 MiB a request), and of what CEL may cost."""
    kubectl.make_namespace("demo")
    project = PROJECT.replace("id: dem1,", "id: dem1, strict: true,")
    inventory = "".join(claim(f"data-postgres-analytics-{number}") for number in range(200))
    outcome = resolved(inventory, STORAGE, *_OTHERS, _POLICY, project=project)
    assert outcome.findings == ()
    objects = [cast("Json", item.data) for item in render(outcome.value)]
    parts = [item for item in objects if item["kind"] == "ReviewedTemplates"]
    sizes = [len(json.dumps(item, separators=(",", ":"))) for item in parts]
    templates = sum(len(item["spec"]["templates"]) for item in parts)
    assert templates == 200 * 3 * 3 + 3
    assert [item["metadata"]["name"] for item in parts] == list(PARTS)
    # Besides the pods only the object's own name and annotations.
    assert max(sizes) < LARGEST_PART_BYTES + 1000
    bindings = [item for item in objects if item["kind"] == "RoleBinding"]
    for item in (*parts, *bindings):
        kubectl("apply", "--server-side", "--filename=-", content=json.dumps(item))

    session = strict.session(kubectl, "demo", "large")
    pods = [item for item in objects if item["kind"] == "PodTemplate"]
    # The last template of each object is the farthest to look for.
    for part in parts:
        last = part["spec"]["templates"][-1]["name"]
        made = strict.jobs_of([item for item in pods if item["metadata"]["name"] == last], session)
        (job,) = made.values()
        job["metadata"]["name"] = f"last-{part['metadata']['name']}"
        path = "/apis/batch/v1/namespaces/demo/jobs"
        until(partial(_is_let_in, api, Request("POST", path, job)), f"{last} is not let in")
        changed = copy.deepcopy(job)
        changed["metadata"]["name"] = "changed"
        _pod(changed)["containers"][0]["args"].append("--more")
        refused = api(Request("POST", path, changed))
        assert refused.status == 403
        assert "differs from the reviewed template" in refused.message


def _is_let_in(api: Api, request: Request) -> bool:
    return api(request).status == 201


def _pod(job: Json | None) -> Json:
    assert job is not None
    spec: Json = job["spec"]["template"]["spec"]
    return spec
