"""Which pod is shown, and how."""

from datetime import timedelta

from stashgen.api.resources import PODS
from stashgen_controller.kubectl.status.pods import newest_pod
from tests.support.objects import Objects

_SECOND = timedelta(seconds=1)


def _pod(objects: Objects, name: str, job: str, phase: str, age: timedelta = timedelta()) -> None:
    pod = objects.add(PODS, name, age=age, status={"phase": phase})
    metadata = pod["metadata"]
    assert isinstance(metadata, dict)
    metadata["labels"] = {"batch.kubernetes.io/job-name": job}


def test_of_two_pods_of_one_second_the_failed_one_is_shown() -> None:
    objects = Objects()
    _pod(objects, "backup-x", "backup", "Failed", _SECOND)
    _pod(objects, "retain-y", "retain", "Succeeded", _SECOND)
    found = newest_pod(objects, "demo", ["backup", "retain"], ())
    assert found is not None
    assert found.name == "backup-x"
    _pod(objects, "retain-z", "retain", "Succeeded")
    newer = newest_pod(objects, "demo", ["backup", "retain"], ())
    assert newer is not None
    assert newer.name == "retain-z"
