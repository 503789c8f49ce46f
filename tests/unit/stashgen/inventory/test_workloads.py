"""What mounts a volume: its kind, labels, users, and whether its pods are there."""

import pytest

from stashgen.inventory import collect
from stashgen.model.inventory import Volume, Workload
from stashgen.model.source import Source
from tests.support.project import claim, documents

_VOLUMES = "volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]"
_MOUNT = "volumeMounts: [{name: data, mountPath: /data}]"


def _deployment(
    pod: str = "", *, spec: str = "", name: str = "web", containers: str = "", meta: str = ""
) -> str:
    containers = containers or f"[{{name: app, {_MOUNT}}}]"
    return (
        "---\napiVersion: apps/v1\nkind: Deployment\n"
        f"metadata: {{name: {name}, namespace: demo, labels: {{tier: gold}}{meta}}}\n"
        f"spec:\n  selector: {{matchLabels: {{app: web}}}}\n{spec}"
        "  template:\n    metadata: {labels: {app: web, version: '7'}}\n"
        f"    spec:\n      {_VOLUMES}\n      containers: {containers}\n{pod}"
    )


def _volumes(*texts: str, files: tuple[str, ...] = ()) -> dict[str, Volume]:
    names = [*files, *(f"{index}.yaml" for index in range(len(texts)))]
    found = [one for name, text in zip(names, texts, strict=False) for one in documents(text, name)]
    (project,) = documents("kind: Project", "stashgen.yaml")
    made = collect(Source(project=project, policies=(), manifests={"dem1": tuple(found)}))
    return {one.key.name: one for one in made.value.volumes}


def _workload(*texts: str, files: tuple[str, ...] = ()) -> Workload:
    (found,) = _volumes(claim("data"), *texts, files=files)["data"].workloads
    return found


@pytest.mark.parametrize(
    "text",
    [
        _deployment(name="web").replace("claimName: data", "claimName: other"),
        _deployment().replace("namespace: demo", "namespace: elsewhere"),
        _deployment().replace("namespace: demo, ", ""),
        _deployment(meta=", ownerReferences: [{kind: Rollout, name: web}]"),
        "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: demo}\n",
        (
            "---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: demo}\n"
            "spec: {template: {spec: {volumes: [7, null, {persistentVolumeClaim: 7}]}}}\n"
        ),
    ],
    ids=["other claim", "other namespace", "no namespace", "owned", "no pods", "malformed"],
)
def test_what_is_not_known_to_mount_a_volume_is_no_workload_of_it(text: str) -> None:
    assert _volumes(claim("data"), text)["data"].workloads == ()


def test_workload_has_its_labels_and_those_that_select_its_pods() -> None:
    found = _workload(_deployment())
    assert (found.kind, found.name, found.is_running) == ("Deployment", "web", True)
    assert found.labels == {"tier": "gold"}
    assert found.pod_labels == {"app": "web"}


def test_pods_without_a_selector_have_their_own_labels() -> None:
    text = _deployment().replace("  selector: {matchLabels: {app: web}}\n", "")
    assert _workload(text).pod_labels == {"app": "web", "version": "7"}


def test_labels_with_a_placeholder_are_not_known() -> None:
    found = _workload(_deployment().replace("tier: gold", "tier: '${TIER}'"))
    assert found.labels is None
    assert found.pod_labels == {"app": "web"}


@pytest.mark.parametrize(
    ("pod", "own", "user"),
    [
        ("", "", (None, None)),
        ("      securityContext: {runAsUser: 7, runAsGroup: 8}\n", "", (7, 8)),
        ("      securityContext: {runAsUser: 7, runAsGroup: 8}\n", "runAsUser: 0", (0, 8)),
        ("", "runAsUser: 9", (9, None)),
        ("      securityContext: {runAsUser: '${UID}'}\n", "", (None, None)),
        ("      securityContext: {runAsUser: true}\n", "", (None, None)),
        ("      securityContext: {runAsUser: -1}\n", "", (None, None)),
        ("      securityContext: {runAsUser: 99999999999}\n", "", (None, None)),
    ],
)
def test_container_s_user_comes_before_the_pod_s(
    pod: str, own: str, user: tuple[int | None, int | None]
) -> None:
    containers = f"[{{name: app, securityContext: {{{own}}}, {_MOUNT}}}]"
    (found,) = _workload(_deployment(pod, containers=containers)).users
    assert (found.user, found.group) == user


def test_user_has_the_place_where_it_is_written() -> None:
    (found,) = _workload(_deployment("      securityContext: {runAsUser: 7}\n")).users
    assert str(found.position) == "1.yaml:12:36"


def test_group_of_the_pod_s_volumes_is_known() -> None:
    assert _workload(_deployment("      securityContext: {fsGroup: 70}\n")).fs_group == 70


def test_only_who_writes_counts_unless_all_only_read() -> None:
    reader = _MOUNT.replace("/data", "/data, readOnly: true")
    both = f"[{{name: app, {_MOUNT}}}, {{name: exporter, {reader}}}, {{name: other}}]"
    only = f"[{{name: exporter, {reader}}}]"
    assert [one.container for one in _workload(_deployment(containers=both)).users] == ["app"]
    assert [one.container for one in _workload(_deployment(containers=only)).users] == ["exporter"]


def test_init_container_counts_only_if_it_stays() -> None:
    def init(more: str) -> str:
        return f"      initContainers: [{{name: own, {more}{_MOUNT}}}]\n"

    assert [one.container for one in _workload(_deployment(init(""))).users] == ["app"]
    sidecar = _workload(_deployment(init("restartPolicy: Always, "))).users
    assert [one.container for one in sidecar] == ["app", "own"]
    alone = _workload(_deployment(init(""), containers="[{name: app}]")).users
    assert [one.container for one in alone] == ["own"]


@pytest.mark.parametrize(
    ("text", "is_running"),
    [
        (_deployment(spec="  replicas: 0\n"), False),
        (_deployment(spec="  replicas: '${N}'\n"), True),
        (_deployment().replace("kind: Deployment", "kind: Job"), False),
        (
            (
                "---\napiVersion: v1\nkind: Pod\nmetadata: {name: one, namespace: demo}\n"
                f"spec: {{{_VOLUMES}, containers: [{{name: app, {_MOUNT}}}]}}\n"
            ),
            True,
        ),
        (
            (
                "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {name: one, namespace: demo}\n"
                f"spec: {{jobTemplate: {{spec: {{template: {{spec: {{{_VOLUMES}, "
                f"containers: [{{name: app, {_MOUNT}}}]}}}}}}}}}}\n"
            ),
            False,
        ),
    ],
)
def test_pods_that_end_and_none_at_all_are_not_running(text: str, is_running: bool) -> None:
    found = _workload(text)
    assert found.is_running is is_running
    assert [one.container for one in found.users] == ["app"]


def test_claim_of_a_replica_knows_that_replica_s_pod() -> None:
    text = (
        _deployment(spec="  replicas: 1\n  volumeClaimTemplates: [{metadata: {name: data}}]\n")
        .replace("kind: Deployment", "kind: StatefulSet")
        .replace(f"      {_VOLUMES}\n", "")
    )
    found = _volumes(claim("data-web-1"), text)
    first, second = (found[name].workloads[0] for name in ("data-web-0", "data-web-1"))
    pod = "statefulset.kubernetes.io/pod-name"
    assert first.pod_labels == {"app": "web", pod: "web-0"}
    assert second.pod_labels == {"app": "web", pod: "web-1"}
    # The second one is left from before it was scaled down.
    assert (first.is_running, second.is_running) == (True, False)
    assert [one.container for one in second.users] == ["app"]


def test_every_workload_counts_once_in_the_order_of_their_names() -> None:
    found = _volumes(claim("data"), _deployment(name="b"), _deployment(), _deployment(name="b"))
    assert [one.name for one in found["data"].workloads] == ["b", "web"]


_OVERLAY = ("app/claim.yaml", "app/web.yaml", "app/kustomization.yaml")
_RESOURCES = "resources: [claim.yaml, web.yaml]\n"


def test_kustomization_s_prefix_and_labels_are_followed() -> None:
    more = "namePrefix: prod-\nlabels: [{pairs: {env: prod}, includeSelectors: true}]\n"
    texts = (claim("data"), _deployment(), _RESOURCES + more)
    (found,) = _volumes(*texts, files=_OVERLAY)["prod-data"].workloads
    assert found.name == "prod-web"
    assert found.pod_labels == {"app": "web", "env": "prod"}


@pytest.mark.parametrize(
    ("patch", "users", "is_running"),
    [
        ("{op: replace, path: /spec/template/spec/containers/0/image, value: a}", ["app"], True),
        ("{op: add, path: /spec/template/spec/securityContext, value: {runAsUser: 7}}", [], True),
        ("{op: add, path: /spec/template/spec/containers/-, value: {volumeMounts: []}}", [], True),
        ("{op: remove, path: /spec/template}", [], True),
        ("{op: replace, path: /spec/replicas, value: 0}", ["app"], False),
    ],
)
def test_patch_of_a_workload_is_heeded(patch: str, users: list[str], is_running: bool) -> None:
    more = f"patches:\n- target: {{kind: Deployment}}\n  patch: |\n    - {patch}\n"
    texts = (claim("data"), _deployment(), _RESOURCES + more)
    (found,) = _volumes(*texts, files=_OVERLAY)["data"].workloads
    assert [one.container for one in found.users] == users
    assert bool(found.doubt) is not bool(users)
    assert found.is_running is is_running


def test_workload_that_a_patch_deletes_mounts_nothing() -> None:
    more = (
        "patches:\n- patch: |\n    apiVersion: apps/v1\n    kind: Deployment\n"
        "    metadata: {name: web}\n    $patch: delete\n"
    )
    texts = (claim("data"), _deployment(), _RESOURCES + more)
    assert _volumes(*texts, files=_OVERLAY)["data"].workloads == ()


def test_workload_that_no_kustomization_lists_is_not_known() -> None:
    texts = (claim("data"), _deployment(), "resources: [claim.yaml]\n")
    assert _volumes(*texts, files=_OVERLAY)["data"].workloads == ()
