"""What a volume's workload means for the pods that back it up and restore it."""

from typing import Any, cast

import pytest

from stashgen.api.base import JsonObject
from stashgen.model.resolved import Beside
from stashgen.render import render
from stashgen.render.affinity import with_workload
from tests.support.project import BUCKET, POLICY, ROOT, STORAGE, claim, resolved

Json = Any
_TERM = {
    "labelSelector": {"matchLabels": {"a": "1", "b": "2"}},
    "topologyKey": "kubernetes.io/hostname",
}
_LABELS = {"b": "2", "a": "1"}
_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"


def test_without_a_workload_the_affinity_is_the_policy_s() -> None:
    own: JsonObject = {"nodeAffinity": {}}
    assert with_workload(own, None, is_restore=False) == own
    assert with_workload(None, None, is_restore=True) is None


@pytest.mark.parametrize(("is_there", "is_restore"), [(False, False), (True, True), (False, True)])
def test_no_pod_waits_for_a_workload_that_may_not_come(is_there: bool, is_restore: bool) -> None:
    found = with_workload(None, Beside(_LABELS, is_there=is_there), is_restore=is_restore)
    assert found == {"podAffinity": {_PREFERRED: [{"weight": 100, "podAffinityTerm": _TERM}]}}


def test_workload_s_node_comes_beside_what_the_policy_asks_for() -> None:
    mine: JsonObject = {"topologyKey": "zone", "labelSelector": {}}
    own: JsonObject = {"podAffinity": {_REQUIRED: [mine]}, "podAntiAffinity": {}}
    found = with_workload(own, Beside(_LABELS, is_there=True), is_restore=False)
    assert found == {"podAffinity": {_REQUIRED: [mine, _TERM]}, "podAntiAffinity": {}}
    assert own == {"podAffinity": {_REQUIRED: [mine]}, "podAntiAffinity": {}}


_WORKLOAD = """---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: demo}
spec:
  selector: {matchLabels: {app: web}}
  template:
    spec:
      securityContext: {runAsUser: 7, fsGroup: 9}
      volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]
      containers: [{name: app, volumeMounts: [{name: data, mountPath: /data}]}]
"""


def _contexts(storage: str) -> dict[str, Json]:
    policy = POLICY.replace(ROOT, "  job: {runAs: {from: workload}}\n")
    inventory = claim("data") + claim("backup-store") + _WORKLOAD
    made = render(resolved(inventory, storage, policy).value)
    pods = {
        cast("Json", one.data["metadata"])["name"].split("-")[0]: cast("Json", one.data["template"])
        for one in made
        if one.data["kind"] == "PodTemplate"
    }
    return {name: pod["spec"]["securityContext"] for name, pod in pods.items()}


def test_only_a_restore_has_the_workload_s_fs_group() -> None:
    contexts = _contexts(BUCKET)
    assert contexts["restore"]["fsGroup"] == 9
    assert contexts["restore"]["fsGroupChangePolicy"] == "OnRootMismatch"
    assert contexts["backup"]["supplementalGroups"] == [9]
    assert {name for name, context in contexts.items() if "fsGroup" in context} == {"restore"}
    assert all(contexts[name]["runAsUser"] == 7 for name in ("backup", "restore", "maintain"))


def test_storage_on_a_claim_is_given_to_no_workload_s_group() -> None:
    contexts = _contexts(STORAGE.replace(ROOT, "  job: {runAs: {user: 7}}\n"))
    assert contexts["restore"]["supplementalGroups"] == [9]
    assert not [name for name, context in contexts.items() if "fsGroup" in context]
