"""How a pod runs: KubeStash's settings one by one, and who wins."""

from dataclasses import fields

import pytest

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.runtime_settings import OffshootPodTemplate
from stashgen.api.shared import AddonInfo
from stashgen.kubestash.pods.settings import (
    PodSettings,
    settings_from_addon,
    settings_from_scheduler,
    settings_from_storage,
)
from stashgen.kubestash.verbs import Verb

_TOLERATION: JsonObject = {"operator": "Exists"}


def _template(**spec: object) -> JsonObject:
    made = OffshootPodTemplate.model_validate({"spec": spec})
    return made.to_wire()


def _addon(template: JsonObject | None = None, container: JsonObject | None = None) -> AddonInfo:
    return AddonInfo.model_validate(
        {"jobTemplate": template, "containerRuntimeSettings": container}
    )


def _changed(settings: PodSettings, base: PodSettings) -> dict[str, object]:
    """What differs from the base."""
    return {
        field.name: getattr(settings, field.name)
        for field in fields(settings)
        if getattr(settings, field.name) != getattr(base, field.name)
    }


_BACKUP = settings_from_addon(None, verb=Verb.BACKUP)


@pytest.mark.parametrize(
    ("spec", "changed"),
    [
        ({"serviceAccountName": "own"}, {"service_account": "own"}),
        (
            {"resources": {"limits": {"memory": "1Gi"}}},
            {"resources": {"limits": {"memory": "1Gi"}}},
        ),
        ({"securityContext": {"fsGroup": 1}}, {"security_context": {"fsGroup": 1}}),
        (
            {"containerSecurityContext": {"runAsUser": 1}},
            {"container_security_context": {"runAsUser": 1}},
        ),
        ({"terminationGracePeriodSeconds": 0}, {"grace_period_seconds": 0}),
        ({"nodeSelector": {"a": "b"}}, {"node_selector": {"a": "b"}}),
        ({"tolerations": [_TOLERATION]}, {"tolerations": (_TOLERATION,)}),
        ({"affinity": {"nodeAffinity": {}}}, {"affinity": {"nodeAffinity": {}}}),
        ({"priorityClassName": "low"}, {"priority_class_name": "low"}),
        ({"imagePullSecrets": [{"name": "p"}]}, {"image_pull_secrets": ({"name": "p"},)}),
        ({"env": [{"name": "A", "value": "1"}]}, {"env": ({"name": "A", "value": "1"},)}),
        ({}, {}),
    ],
)
def test_each_setting_of_a_job_template_changes_one_thing(
    spec: JsonObject, changed: dict[str, object]
) -> None:
    template = _template(**spec)
    assert _changed(settings_from_addon(_addon(template), verb=Verb.BACKUP), _BACKUP) == changed
    trigger = settings_from_scheduler(OffshootPodTemplate.model_validate(template))
    assert _changed(trigger, settings_from_scheduler(None)) == changed


@pytest.mark.parametrize(
    ("pod", "changed"),
    [
        ({"podLabels": {"a": "b"}}, {"labels": {"a": "b"}}),
        ({"podAnnotations": {"a": "b"}}, {"annotations": {"a": "b"}}),
        ({"serviceAccountName": "own"}, {"service_account": "own"}),
        ({"nodeSelector": {"a": "b"}}, {"node_selector": {"a": "b"}}),
        ({"affinity": {"podAffinity": {}}}, {"affinity": {"podAffinity": {}}}),
        ({"tolerations": [_TOLERATION]}, {"tolerations": (_TOLERATION,)}),
        ({"securityContext": {"fsGroup": 65534}}, {"security_context": {"fsGroup": 65534}}),
        ({"priorityClassName": "low"}, {"priority_class_name": "low"}),
        ({"imagePullSecrets": [{"name": "p"}]}, {"image_pull_secrets": ({"name": "p"},)}),
        ({}, {}),
    ],
)
def test_each_runtime_setting_of_a_storage_changes_one_thing(
    pod: JsonObject, changed: dict[str, object]
) -> None:
    storage = BackupStorage.model_validate(
        {"metadata": {"name": "s"}, "spec": {"runtimeSettings": {"pod": pod}}}
    )
    assert _changed(settings_from_storage(storage), PodSettings()) == changed


def test_settings_of_the_container_win_over_the_templates_and_variables_add_up() -> None:
    made = settings_from_addon(
        _addon(
            _template(
                resources={"limits": {"memory": "1Gi"}},
                containerSecurityContext={"runAsUser": 1},
                env=[{"name": "A", "value": "1"}],
            ),
            {
                "resources": {"limits": {"memory": "2Gi"}},
                "securityContext": {"runAsUser": 2},
                "env": [{"name": "B", "value": "2"}],
            },
        ),
        verb=Verb.BACKUP,
    )
    assert made.resources == {"limits": {"memory": "2Gi"}}
    assert made.container_security_context == {"runAsUser": 2}
    assert [item["name"] for item in made.env] == ["A", "B"]


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (
            {"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
            {
                "name": "A",
                "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}},
            },
        ),
        ({"name": "A", "value": ""}, {"name": "A"}),
        ({"name": "A"}, {"name": "A"}),
        (
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ),
    ],
)
def test_environment_is_written_as_the_api_server_stores_it(
    written: JsonObject, stored: JsonObject
) -> None:
    made = settings_from_addon(_addon(_template(env=[written])), verb=Verb.BACKUP)
    assert made.env == (stored,)


@pytest.mark.parametrize(("verb", "user"), [(Verb.BACKUP, 65534), (Verb.RESTORE, 0)])
def test_verb_decides_the_user_unless_something_is_said(verb: Verb, user: int) -> None:
    for info in (None, AddonInfo(), _addon(_template())):
        made = settings_from_addon(info, verb=verb)
        assert (made.run_as_user, made.run_as_group) == (user, user)
        assert made.is_root is (user == 0)


@pytest.mark.parametrize(
    ("given", "is_root", "ours"),
    [
        (None, False, {"runAsUser": 65534, "runAsGroup": 65534, "runAsNonRoot": True}),
        ({"runAsUser": 0}, True, {"runAsUser": 0, "runAsNonRoot": False}),
        ({"runAsUser": 7}, False, {"runAsUser": 7, "runAsNonRoot": True}),
        (
            {"runAsNonRoot": False},
            False,
            {"runAsUser": 65534, "runAsGroup": 65534, "runAsNonRoot": False},
        ),
    ],
)
def test_security_context_never_has_an_fs_group_of_ours(
    given: JsonObject | None, is_root: bool, ours: JsonObject
) -> None:
    settings = PodSettings(security_context=given)
    profile = {"seccompProfile": {"type": "RuntimeDefault"}}
    assert settings.pod_security_context == {**ours, **profile}
    assert settings.is_root is is_root


def test_trigger_and_worker_have_accounts_of_their_own() -> None:
    assert settings_from_scheduler(None).service_account == "stashgen-trigger"
    assert PodSettings().service_account == "stashgen-worker"
