"""What the controller makes of plain KubeStash manifests follows them."""

import pytest

from tests.cluster import installation
from tests.cluster.installation import Json
from tests.cluster.kube import Kube
from tests.support.compiled_project import KEY

pytestmark = pytest.mark.usefixtures("installed")
_ACCOUNTS = {"stashgen-trigger", "stashgen-worker"}
_DAILY = "trigger-library-backup-frequent-backup"
_WEEKLY = "trigger-library-backup-weekly-backup"


def test_changes_reach_the_children_and_what_nobody_wants_goes(kube: Kube, namespace: str) -> None:
    *others, configuration = installation.plain_manifests(namespace)
    kube.apply(namespace, *others, configuration)
    kube.wait_until(lambda: _cron_jobs(kube, namespace) == {_DAILY})
    assert set(installation.names(kube, namespace, "serviceaccounts")) > _ACCOUNTS

    (session,) = configuration["spec"]["sessions"]
    (repository,) = session["repositories"]
    weekly = {
        **session,
        "name": "weekly-backup",
        "scheduler": {"schedule": "0 4 * * 0", "jobTemplate": {"backoffLimit": 1}},
    }
    session["scheduler"]["schedule"] = "30 3 * * *"
    repository["encryptionSecret"]["name"] = f"{KEY}-2"
    kube.apply(namespace, _with(configuration, [session, weekly]))
    kube.wait_until(lambda: _cron_jobs(kube, namespace) == {_DAILY, _WEEKLY})
    kube.wait_until(
        lambda: kube.get(namespace, "cronjob", _DAILY)["spec"]["schedule"] == "30 3 * * *"
    )
    made = kube.get(namespace, "repository", "local-repository")
    assert made["spec"]["encryptionSecret"]["name"] == f"{KEY}-2"

    kube.apply(namespace, _with(configuration, [session]))
    kube.wait_until(lambda: _cron_jobs(kube, namespace) == {_DAILY})


def _with(configuration: Json, sessions: list[Json]) -> Json:
    return {**configuration, "spec": {**configuration["spec"], "sessions": sessions}}


def _cron_jobs(kube: Kube, namespace: str) -> set[str]:
    return set(installation.names(kube, namespace, "cronjobs"))
