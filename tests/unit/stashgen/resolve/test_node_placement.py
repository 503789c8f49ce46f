"""Backups of a volume that one node mounts go to its workload's node."""

import pytest

from stashgen.diagnostics import Severity
from stashgen.model.resolved import Beside
from tests.support.project import BUCKET, POLICY, claim, codes, resolved

_VOLUMES = "[{name: data, persistentVolumeClaim: {claimName: data}}]"


def _claim(name: str, *modes: str) -> str:
    return claim(name).replace("[ReadWriteMany]", f"[{', '.join(modes)}]")


def _workload(kind: str = "Deployment", spec: str = "", name: str = "web") -> str:
    return (
        f"---\napiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}, namespace: demo}}\n"
        f"spec:\n{spec}  selector: {{matchLabels: {{app: {name}}}}}\n"
        "  template:\n    spec:\n      containers: []\n"
        f"      volumes: {_VOLUMES}\n"
    )


def test_volumes_without_a_workload_are_one_warning() -> None:
    inventory = _claim("a", "ReadWriteOnce") + _claim("b", "ReadWriteOnce")
    outcome = resolved(inventory, BUCKET, POLICY)
    (found,) = outcome.findings
    assert (found.code, found.severity) == ("SG553", Severity.WARNING)
    assert 'volume "demo/a" and 1 other' in found.what
    assert [one.beside for one in outcome.value.protections] == [None, None]


@pytest.mark.parametrize("job", ["affinity: {}", "nodeSelector: {disk: fast}"])
def test_whoever_decides_where_has_decided(job: str) -> None:
    policy = POLICY.replace("  job: {", f"  job: {{{job}, ")
    assert codes(resolved(_claim("a", "ReadWriteOnce"), BUCKET, policy).findings) == []


@pytest.mark.parametrize(
    ("workload", "severity"),
    [("", Severity.WARNING), (_workload(kind="Job"), Severity.WARNING)],
)
def test_volume_of_one_pod_may_have_no_second_one(workload: str, severity: Severity) -> None:
    outcome = resolved(_claim("data", "ReadWriteOncePod") + workload, BUCKET, POLICY)
    (found,) = outcome.findings
    assert (found.code, found.severity) == ("SG554", severity)
    assert len(outcome.value.protections) == 1


def test_volume_of_one_running_pod_cannot_be_backed_up() -> None:
    outcome = resolved(_claim("data", "ReadWriteOncePod") + _workload(), BUCKET, POLICY)
    (found,) = outcome.findings
    assert (found.code, found.severity) == ("SG554", Severity.ERROR)
    assert outcome.value.protections == ()


@pytest.mark.parametrize(
    ("modes", "workloads", "beside"),
    [
        (("ReadWriteMany",), _workload(), None),
        (("ReadWriteOnce", "ReadOnlyMany"), _workload(), None),
        ((), _workload(), None),
        (("ReadWriteOnce",), _workload(), Beside({"app": "web"}, is_there=True)),
        (
            ("ReadWriteOnce",),
            _workload(spec="  replicas: 0\n"),
            Beside({"app": "web"}, is_there=False),
        ),
        (
            ("ReadWriteOncePod",),
            _workload(spec="  replicas: 0\n"),
            Beside({"app": "web"}, is_there=False),
        ),
        (
            ("ReadWriteOnce",),
            _workload(name="a", spec="  replicas: 0\n") + _workload(name="b"),
            Beside({"app": "b"}, is_there=True),
        ),
    ],
)
def test_volume_of_one_node_goes_where_its_workload_is(
    modes: tuple[str, ...], workloads: str, beside: Beside | None
) -> None:
    outcome = resolved(_claim("data", *modes) + workloads, BUCKET, POLICY)
    assert codes(outcome.findings) == []
    (protection,) = outcome.value.protections
    assert protection.beside == beside
