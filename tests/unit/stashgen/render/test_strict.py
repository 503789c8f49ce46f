"""A strict cluster's files: all pods are reviewed as they are made, and no worker has a token."""

from pathlib import PurePosixPath
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.reviewed_templates import ReviewedTemplates
from stashgen.api.strict_mode import LARGEST_PART_BYTES, PARTS
from stashgen.render import limit_findings, render
from stashgen.render.strict import parts_of
from tests.support.project import PROJECT, claim, policy_set, resolved
from tests.support.strict.render import STRICT_PROJECT, strict_manifests

_MANIFESTS = strict_manifests("library")


def _of_kind(kind: str) -> list[JsonObject]:
    return [item.data for item in _MANIFESTS if item.data["kind"] == kind]


def _named(kind: str, name: str) -> list[JsonObject]:
    return [
        item for item in _of_kind(kind) if cast("dict[str, str]", item["metadata"])["name"] == name
    ]


def test_every_pod_template_is_reviewed_as_it_is() -> None:
    (data,) = _of_kind("ReviewedTemplates")
    model = ReviewedTemplates.model_validate(data)
    assert model.to_wire() == data
    reviewed = {item.name: item for item in model.spec.templates}
    templates = {
        cast("dict[str, str]", item["metadata"])["name"]: cast("JsonObject", item["template"])
        for item in _of_kind("PodTemplate")
    }
    assert list(reviewed) == sorted(templates)
    for name, template in templates.items():
        metadata = cast("JsonObject", template["metadata"])
        assert reviewed[name].pod_spec == template["spec"]
        assert reviewed[name].labels == metadata["labels"]
        assert reviewed[name].labels["stashgen.dev/pod-template"] == name
        assert reviewed[name].labels["stashgen.dev/reviewed-in"] == model.metadata.name == PARTS[0]
        assert reviewed[name].annotations == (metadata.get("annotations") or {})


def test_only_a_restore_may_go_to_another_claim() -> None:
    (data,) = _of_kind("ReviewedTemplates")
    elsewhere = {
        item.name.partition("-")[0]: item.restore_into
        for item in ReviewedTemplates.model_validate(data).spec.templates
    }
    restore = elsewhere.pop("restore")
    assert restore is not None
    assert (restore.volume, restore.claim_prefix) == ("kubestash-data-volume", "library-restore-")
    assert set(elsewhere.values()) == {None}


def test_a_volume_that_is_backed_up_is_nobody_elses_to_restore_into() -> None:
    both = strict_manifests("library", "library-restore-0")
    (data,) = [item.data for item in both if item.data["kind"] == "ReviewedTemplates"]
    templates = ReviewedTemplates.model_validate(data).spec.templates
    into = [item.restore_into for item in templates if item.restore_into is not None]
    assert {item.claim_prefix: item.protected for item in into} == {
        "library-restore-": ("library-restore-0",),
        "library-restore-0-restore-": (),
    }


def test_workers_have_neither_token_nor_rights() -> None:
    for item in _of_kind("PodTemplate"):
        spec = cast("JsonObject", cast("JsonObject", item["template"])["spec"])
        assert spec["automountServiceAccountToken"] is False
    assert _named("ServiceAccount", "stashgen-worker")
    assert not _named("Role", "stashgen-worker")
    assert not _named("RoleBinding", "stashgen-worker")
    # The triggers are made by Kubernetes' own CronJobs and create the BackupSession.
    assert _named("RoleBinding", "stashgen-trigger")


def test_the_controller_is_bound_in_the_namespace_alone() -> None:
    (binding,) = _named("RoleBinding", "stashgen-controller-jobs")
    assert cast("JsonObject", binding["metadata"])["namespace"] == "demo"
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "stashgen-controller", "namespace": "stashgen-system"}
    ]


def test_policies_and_reviewed_pods_come_before_all_else() -> None:
    for kind in (
        "ReviewedTemplates",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    ):
        for item in _of_kind(kind):
            metadata = cast("JsonObject", item["metadata"])
            annotations = cast("dict[str, str]", metadata["annotations"])
            assert annotations["argocd.argoproj.io/sync-wave"] == "-2"


def test_the_policies_are_in_a_folder_of_the_cluster() -> None:
    paths = {item.path for item in _MANIFESTS if str(item.data["kind"]).startswith("Validating")}
    assert paths == {PurePosixPath("demo/_cluster/admission.yaml")}
    (root,) = [
        item.data for item in _MANIFESTS if item.path == PurePosixPath("demo/kustomization.yaml")
    ]
    assert root["resources"] == ["_cluster", "demo"]


def test_a_cluster_that_is_not_strict_has_none_of_it() -> None:
    both = PROJECT.rstrip() + (
        "\n  - {name: other, id: oth1, strict: true, inventory: [{manifests: [x.yaml]}]}\n"
    )
    volumes = claim("library") + claim("backup-store")
    outcome = resolved(volumes, project=both, others={"oth1": volumes})
    assert outcome.findings == ()
    kinds: dict[str, set[str]] = {"demo": set(), "other": set()}
    labels: dict[str, set[bool]] = {"demo": set(), "other": set()}
    for item in render(outcome.value):
        cluster = item.path.parts[0]
        kinds[cluster].add(str(item.data["kind"]))
        if item.data["kind"] == "PodTemplate":
            template = cast("dict[str, dict[str, JsonObject]]", item.data["template"])
            labels[cluster].add("stashgen.dev/reviewed-in" in template["metadata"]["labels"])
    assert "ReviewedTemplates" not in kinds["demo"]
    assert not [kind for kind in kinds["demo"] if kind.startswith("Validating")]
    assert "ReviewedTemplates" in kinds["other"]
    assert labels == {"demo": {False}, "other": {True}}


def _template(name: str, size: int) -> JsonObject:
    labels: JsonObject = {"app.kubernetes.io/component": "kubestash-backup"}
    spec: JsonObject = {"nodeName": "x" * size}
    return {
        "kind": "PodTemplate",
        "metadata": {"name": name},
        "template": {"metadata": {"labels": labels}, "spec": spec},
    }


def test_what_does_not_fit_in_one_object_goes_to_the_next() -> None:
    third = LARGEST_PART_BYTES // 3
    parts = parts_of(_template(f"backup-{index}", third) for index in range(5))
    assert parts == {
        "backup-0": "stashgen-1",
        "backup-1": "stashgen-1",
        "backup-2": "stashgen-2",
        "backup-3": "stashgen-2",
        "backup-4": "stashgen-3",
    }


def test_more_objects_than_are_bound_are_refused_with_the_number() -> None:
    project = policy_set(project=STRICT_PROJECT).project
    assert [*limit_findings(project, _MANIFESTS)] == []
    (reviewed,) = [item for item in _MANIFESTS if item.data["kind"] == "ReviewedTemplates"]
    more = [*_MANIFESTS, *([reviewed] * len(PARTS))]
    (finding,) = limit_findings(project, more)
    assert finding.code == "SG604"
    assert f"need {len(PARTS) + 1} objects" in finding.what
