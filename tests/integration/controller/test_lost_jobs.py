"""An initialisation whose Job somebody deletes: it goes on after a while, not at once."""

from datetime import timedelta

import pytest

from stashgen.api import resources as known
from stashgen.api.resources import Resource
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from tests.support import manifests
from tests.support.harness import Harness, conditions, good_worker, name_of


@pytest.mark.parametrize(
    ("verb", "resource", "name", "condition"),
    [
        (Verb.INIT_STORAGE, known.BACKUP_STORAGES, "local", "BackendInitialized"),
        (Verb.INIT_REPOSITORY, known.REPOSITORIES, "repo-local", "RepositoryInitialized"),
    ],
)
def test_a_deleted_initialisation_backs_off_and_goes_on(
    harness: Harness, verb: Verb, resource: Resource, name: str, condition: str
) -> None:
    for obj in (
        manifests.storage("demo"),
        manifests.retention("demo"),
        manifests.configuration("demo"),
    ):
        harness.apply(obj)
    job = harness.run_until(verb)
    harness.delete(known.JOBS, "demo", name_of(job))
    for wait in (timedelta(), timedelta(seconds=9)):
        harness.advance(wait)
        harness.settle()
        assert harness.open_jobs() == []
        told = conditions(harness.status(resource, "demo", name))[condition]
        assert told["status"] == "False"
        assert "ExecutorLost: the Job was deleted" in str(told["message"])
    harness.advance(timedelta(seconds=1))
    harness.settle()
    (again,) = harness.open_jobs()
    assert name_of(again) != name_of(job)
    assert plan_of(again).attempt == 2
    harness.settle(work=good_worker)
    assert harness.status(resource, "demo", name)["phase"] == "Ready"
    assert not harness.errors
