"""Jobs are made of a template as it is; what differs between two runs is an annotation."""

import re
from datetime import timedelta
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from stashgen.api.base import JsonObject
from stashgen.api.labels import label_value
from stashgen.api.strict_mode import LONGEST_JOB_SECONDS
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import Owner, job_manifest
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.apply import is_ours
from tests.support.world import NOW

_OWNER = Owner("core.kubestash.com/v1alpha1", "BackupSession", "session", "demo", "uid-1")
_TEMPLATE: JsonObject = {
    "metadata": {
        "labels": {"app.kubernetes.io/component": "kubestash-backup", "team": "payments"},
        "annotations": {"sidecar.istio.io/inject": "false"},
    },
    "spec": {"restartPolicy": "Never", "containers": [{"name": "worker", "image": "worker"}]},
}
_PLAN = RunSpec(verb=Verb.BACKUP, cluster_uid="cluster", backup_session="session")
_LABEL = re.compile(r"|[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")


def made(
    plan: RunSpec = _PLAN,
    owner: Owner = _OWNER,
    repository: str = "one",
    session: str = "backup",
) -> JsonObject:
    labels = {"kubestash.com/repo-name": repository, "kubestash.com/session-name": session}
    return job_manifest(
        name="copy", owner=owner, template=_TEMPLATE, plan=plan, labels=labels, now=NOW
    )


def test_the_pods_spec_is_the_templates_and_the_session_is_in_annotations() -> None:
    job = made()
    template = cast("JsonObject", cast("JsonObject", job["spec"])["template"])
    assert template["spec"] == _TEMPLATE["spec"]
    metadata = cast("JsonObject", template["metadata"])
    annotations = cast("dict[str, str]", metadata["annotations"])
    assert annotations["sidecar.istio.io/inject"] == "false"
    assert annotations["session.stashgen.dev/verb"] == "backup"
    assert annotations["session.stashgen.dev/name"] == "session"
    assert annotations["session.stashgen.dev/plan"] == _PLAN.to_json()
    labels = cast("dict[str, str]", metadata["labels"])
    assert labels["team"] == "payments"
    assert labels["kubestash.com/invoker-name"] == "session"


def test_settings_are_constants_and_the_deadline_leaves_time_to_report() -> None:
    spec = cast("JsonObject", made()["spec"])
    assert (spec["backoffLimit"], spec["activeDeadlineSeconds"]) == (0, 24 * 3600)
    assert "ttlSecondsAfterFinished" not in spec
    endless = _PLAN.model_copy(update={"deadline": NOW + timedelta(days=30)})
    longest = cast("JsonObject", made(endless)["spec"])["activeDeadlineSeconds"]
    assert longest == LONGEST_JOB_SECONDS
    late = _PLAN.model_copy(update={"deadline": NOW + timedelta(minutes=10)})
    assert cast("JsonObject", made(late)["spec"])["activeDeadlineSeconds"] == 12 * 60
    over = _PLAN.model_copy(update={"deadline": NOW - timedelta(hours=1)})
    assert cast("JsonObject", made(over)["spec"])["activeDeadlineSeconds"] == 1


@given(st.text(alphabet="abz09.-_", max_size=80))
def test_a_label_is_one_that_kubernetes_takes(text: str) -> None:
    value = label_value("a" + text)
    assert _LABEL.fullmatch(value)
    assert ("a" + text).startswith(value)


def test_a_job_counts_as_ours_only_with_owner_session_and_repository() -> None:
    ours = made()
    assert is_ours(ours, ours)
    other_owner = Owner("v1", "BackupSession", "session", "demo", "uid-2")
    bare: JsonObject = {**ours, "metadata": {"name": "copy", "namespace": "demo"}}
    for foreign in (
        made(owner=other_owner),
        made(repository="two"),
        made(session="weekly"),
        bare,
    ):
        assert not is_ours(foreign, ours)


def test_what_the_server_and_others_add_does_not_make_it_foreign() -> None:
    ours = made()
    metadata = cast("JsonObject", ours["metadata"])
    labels = {**cast("JsonObject", metadata["labels"]), "added": "by-a-webhook"}
    there: JsonObject = {**ours, "metadata": {**metadata, "labels": labels, "uid": "x"}}
    assert is_ours(there, ours)


def test_a_backup_session_of_another_session_is_not_ours() -> None:
    def session(name: str) -> JsonObject:
        spec: JsonObject = {"session": name, "invoker": {"name": "library"}}
        return {
            "apiVersion": "core.kubestash.com/v1alpha1",
            "kind": "BackupSession",
            "metadata": {"name": "same"},
            "spec": spec,
        }

    assert is_ours(session("backup"), session("backup"))
    assert not is_ours(session("weekly"), session("backup"))
