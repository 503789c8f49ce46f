"""What others back up is not protected a second time by a policy."""

import pytest

from tests.support.project import claim, codes, resolved


def _backup(
    target: str = "{kind: Postgres, name: shop}", metadata: str = "{name: shop-db, namespace: demo}"
) -> str:
    return (
        "---\napiVersion: core.kubestash.com/v1alpha1\nkind: BackupConfiguration\n"
        f"metadata: {metadata}\nspec: {{target: {target}}}\n"
    )


_DEPLOYMENT = """\
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop, namespace: demo}
spec: {template: {spec: {volumes: [{persistentVolumeClaim: {claimName: uploads}}]}}}
"""
_POD = """\
---
apiVersion: v1
kind: Pod
metadata: {name: shop, namespace: demo}
spec: {volumes: [{persistentVolumeClaim: {claimName: uploads}}]}
"""
_CRON_JOB = """\
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: shop, namespace: demo}
spec: {jobTemplate: {spec: {template: {spec: {
  volumes: [{persistentVolumeClaim: {claimName: uploads}}]}}}}}
"""
_KUBEDB = "labels: {app.kubernetes.io/instance: shop, app.kubernetes.io/managed-by: kubedb.com}"


def test_everything_else_is_protected() -> None:
    outcome = resolved(
        _backup()
        + claim("uploads")
        + claim("data-shops-0")
        + claim("data-shop-0", "other")
        + claim("shop-data")
        + claim("data-shop-x")
        + claim("labelled", more="labels: {app.kubernetes.io/instance: shop}")
    )
    assert "SG529" not in codes(outcome.findings)


@pytest.mark.parametrize(
    ("volume", "backup"),
    [
        (claim("data-shop-0"), _backup()),
        (claim("shop"), _backup()),
        (claim("pg", more=_KUBEDB), _backup()),
        (claim("data-shop-0"), _backup(metadata="{name: shop-db}")),
        (
            claim("data-shop-0"),
            _backup("{kind: Postgres, name: shop, namespace: demo}", "{name: x, namespace: ops}"),
        ),
        (_DEPLOYMENT + claim("uploads"), _backup("{apiGroup: apps, kind: Deployment, name: shop}")),
        (_DEPLOYMENT + claim("uploads"), _backup("{apiGroup: apps, kind: deployment, name: shop}")),
        (_POD + claim("uploads"), _backup('{apiGroup: "", kind: Pod, name: shop}')),
        (_CRON_JOB + claim("uploads"), _backup("{apiGroup: batch, kind: CronJob, name: shop}")),
        # The BackupConfiguration that is rendered for it has its name.
        (claim("uploads"), _backup(metadata="{name: uploads, namespace: demo}")),
    ],
)
def test_the_same_thing_is_refused_at_the_configuration(volume: str, backup: str) -> None:
    outcome = resolved(volume + backup)
    (found,) = (item for item in outcome.findings if item.code == "SG529")
    assert found.subject.startswith("BackupConfiguration/")
    assert str(found.position).startswith("clusters/dem1.yaml:")
    assert 'policy "hourly" would protect volume "demo/' in found.what
    assert not outcome.ok


def test_each_configuration_is_reported_once() -> None:
    outcome = resolved(_backup() + claim("data-shop-0") + claim("data-shop-1"))
    assert codes(outcome.findings).count("SG529") == 1


def test_a_volume_without_a_policy_is_nobodys_concern() -> None:
    assert "SG529" not in codes(resolved(_backup() + claim("backup-store")).findings)


_PLAIN = """\
---
apiVersion: core.kubestash.com/v1alpha1
kind: BackupConfiguration
metadata: {name: NAME, namespace: demo}
spec:
  target: {apiGroup: "", kind: PersistentVolumeClaim, name: CLAIM, namespace: demo}
  backends: [{name: b, storageRef: {name: s3}, retentionPolicy: {name: keep}}]
  sessions:
  - name: full
    scheduler: {schedule: 0 3 * * *, jobTemplate: {}}
    addon: {name: pvc-addon, tasks: [{name: logical-backup}]}
    repositories: [{name: shop, backend: b, directory: /shop, encryptionSecret: {name: key}}]
"""


@pytest.mark.parametrize(
    ("name", "claimed", "is_refused"),
    [
        ("library", "library", True),
        ("library", "other", True),
        # Our controller runs both.
        ("weekly", "library", False),
        ("other", "other", False),
    ],
)
def test_none_that_people_wrote_has_the_name_of_ours(
    name: str, claimed: str, *, is_refused: bool
) -> None:
    plain = _PLAIN.replace("NAME", name).replace("CLAIM", claimed)
    outcome = resolved(claim("library") + plain)
    assert ("SG529" in codes(outcome.findings)) is is_refused


def test_one_that_was_rendered_is_ours() -> None:
    plain = _PLAIN.replace("NAME", "library, annotations: {stashgen.dev/rendered: x}")
    outcome = resolved(claim("library") + plain.replace("CLAIM", "library"))
    assert "SG529" not in codes(outcome.findings)
