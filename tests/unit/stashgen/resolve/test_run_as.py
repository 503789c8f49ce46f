"""Whom Jobs run as: a fixed user, the workload's, or another one where that is not known."""

import pytest

from stashgen.diagnostics import Outcome
from stashgen.model.resolved import Resolved
from tests.support.project import BUCKET, POLICY, ROOT, claim, codes, resolved

_VOLUMES = "[{name: data, persistentVolumeClaim: {claimName: data}}]"


def _workload(user: str, name: str = "web", pod: str = "") -> str:
    return (
        "---\napiVersion: apps/v1\nkind: Deployment\n"
        f"metadata: {{name: {name}, namespace: demo}}\n"
        "spec:\n  selector: {matchLabels: {app: web}}\n"
        "  template:\n    metadata: {labels: {app: web}}\n    spec:\n"
        f"      securityContext: {{{pod}}}\n"
        f"      volumes: {_VOLUMES}\n"
        f"      containers: [{{name: app, securityContext: {{{user}}}, "
        "volumeMounts: [{name: data, mountPath: /data}]}]\n"
    )


def _resolved(*workloads: str, job: str = "runAs: {from: workload}") -> Outcome[Resolved]:
    policy = POLICY.replace(ROOT, f"  job: {{{job}}}\n")
    return resolved(claim("data") + "".join(workloads), BUCKET, policy)


@pytest.mark.parametrize(
    ("workloads", "why"),
    [
        ((), "no workload of the inventory mounts it, and runAs has no else"),
        (
            (_workload(""),),
            'Deployment "web" mounts it without runAsUser: its image has the user',
        ),
        (
            (_workload("runAsUser: '1000'"),),
            'Deployment "web" mounts it with runAsUser "1000", which is not a user\'s number',
        ),
    ],
)
def test_without_a_known_user_there_is_a_finding_unless_else_says(
    workloads: tuple[str, ...], why: str
) -> None:
    (found,) = _resolved(*workloads).findings
    assert (found.code, found.why) == ("SG550", why)
    assert str(found.position) == "policies/1.yaml:9:23"

    outcome = _resolved(*workloads, job="runAs: {from: workload, else: {user: 7, group: 8}}")
    assert codes(outcome.findings) == []
    (protection,) = outcome.value.protections
    assert protection.job.value.ids == (7, 8)
    assert protection.fs_group is None


@pytest.mark.parametrize(
    "others",
    [
        (_workload("runAsUser: 8", "other"),),
        (_workload("", "other"),),
        (_workload("runAsUser: 7, runAsGroup: 9", "other"),),
    ],
)
def test_two_users_of_one_volume_are_a_finding(others: tuple[str, ...]) -> None:
    outcome = _resolved(
        _workload("runAsUser: 7"), *others, job="runAs: {from: workload, else: {user: 0}}"
    )
    assert codes(outcome.findings) == ["SG551"]
    assert outcome.value.protections == ()


@pytest.mark.parametrize(
    ("user", "pod", "ids", "fs_group"),
    [
        ("runAsUser: 7", "", (7, 7), None),
        ("runAsUser: 7, runAsGroup: 8", "", (7, 8), None),
        ("runAsUser: 7", "fsGroup: 9", (7, 9), 9),
        ("runAsUser: 7, runAsGroup: 8", "fsGroup: 9", (7, 8), 9),
        # Root needs no group.
        ("runAsUser: 0", "fsGroup: 9", (0, 9), None),
    ],
)
def test_jobs_run_as_the_workload(
    user: str, pod: str, ids: tuple[int, int], fs_group: int | None
) -> None:
    outcome = _resolved(_workload(user, pod=pod))
    assert codes(outcome.findings) == []
    (protection,) = outcome.value.protections
    assert protection.job.value.ids == ids
    assert protection.fs_group == fs_group


def test_group_of_files_that_two_workloads_see_differently_is_not_known() -> None:
    outcome = _resolved(
        _workload("runAsUser: 7", pod="fsGroup: 8"), _workload("runAsUser: 7", "b", "fsGroup: 9")
    )
    (protection,) = outcome.value.protections
    assert protection.job.value.ids == (7, 7)
    assert protection.fs_group is None


@pytest.mark.parametrize(
    ("job", "told"),
    [
        ("cache: {size: 1Gi, storageClass: fast}", ["SG552"]),
        ("runAs: {user: 0}, cache: {size: 1Gi, storageClass: fast}", []),
        ("cache: {size: 1Gi}", []),
    ],
)
def test_new_volume_for_the_cache_is_for_root_only(job: str, told: list[str]) -> None:
    assert codes(_resolved(job=job).findings) == told
