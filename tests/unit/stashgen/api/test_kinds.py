"""Every object of the proven volume can be read as a model and written back without a change."""

import pytest
from pydantic import ValidationError

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.cron_job import CronJob
from stashgen.api.meta import Kind
from stashgen.api.pod_template import PodTemplate
from stashgen.api.rbac import Role, RoleBinding
from stashgen.api.repository import Repository
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.service_account import ServiceAccount
from tests.support import one_volume

_MODELS: dict[object, type[Kind]] = {
    model.__name__: model
    for model in (
        BackupConfiguration,
        BackupStorage,
        CronJob,
        PodTemplate,
        Repository,
        RetentionPolicy,
        Role,
        RoleBinding,
        ServiceAccount,
    )
}


@pytest.mark.parametrize(
    "changed",
    [
        {"spec": {"schedule": 5}},
        {"spec": {"schedule": "0 * * * *", "suspend": "no"}},
        {"spec": {"schedule": "0 * * * *", "timezone": "Etc/UTC"}},
        {"spec": {}},
        {"kind": "Job"},
    ],
)
def test_object_of_another_shape_is_refused(changed: JsonObject) -> None:
    with pytest.raises(ValidationError):
        CronJob.model_validate({"metadata": {"name": "x"}, **changed})


def test_fields_of_a_newer_version_are_passed_over_when_a_server_returns_them() -> None:
    spec = {"schedule": "0 * * * *", "added": 1}
    found = CronJob.from_wire({"metadata": {"name": "x"}, "spec": spec, "more": {}})
    assert found.to_wire()["spec"] == {
        "schedule": "0 * * * *",
        "jobTemplate": {"spec": {"template": {"spec": {}}}},
    }


def test_proven_objects_are_read_and_written_back_unchanged() -> None:
    documents = one_volume.documents()
    assert {document["kind"] for document in documents} == set(_MODELS)
    for document in documents:
        wire = _MODELS[document["kind"]].model_validate(document).to_wire()
        assert wire == document
        assert list(wire)[:3] == ["apiVersion", "kind", "metadata"]
