"""``stashgen check`` refuses below a field what the API server refuses there, and nothing else."""

from collections.abc import Iterator
from typing import cast

import pytest

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.crd import crd_for
from stashgen.api.definitions import DEFINITIONS
from stashgen.api.meta import Kind
from stashgen.api.shapes import LIST, MAP, SHAPES, Shape
from stashgen.kubestash.validation.shapes import misfits
from stashgen.yaml.nodes import format_path
from stashgen_controller.embedded.apiserver.schema import Schema

_SCALARS = {"boolean", "int-or-string", "integer", "number", "quantity", "string", "time"}


def _schema(model: type[Kind]) -> Schema:
    (definition,) = (item for item in DEFINITIONS if item.model is model)
    spec = cast("JsonObject", crd_for(definition)["spec"])
    (version,) = cast("list[JsonObject]", spec["versions"])
    return Schema(cast("JsonObject", cast("JsonObject", version["schema"])["openAPIV3Schema"]))


_CONFIGURATION, _STORAGE = _schema(BackupConfiguration), _schema(BackupStorage)


def _judge(model: type[Kind], schema: Schema, spec: JsonObject) -> list[str]:
    """The fields that both refuse."""
    body: JsonObject = {"metadata": {"name": "a"}, "spec": spec}
    found = sorted(format_path(item.keys) for item in misfits(model.model_validate(body)))
    pruned = schema.prune(body)
    refused = [cause.field for cause in schema.errors(pruned, None) if cause.field != "<nil>"]
    assert found == sorted([*schema.unknown_fields(body), *refused])
    return found


_AT = "spec.sessions[0].addon.jobTemplate.spec."


@pytest.mark.parametrize(
    ("pod", "refused"),
    [
        ({}, []),
        ({"resources": {}, "env": [], "affinity": {}, "volumes": [{"name": "a"}]}, []),
        ({"resources": {"limits": {"cpu": 1, "memory": "1.5Gi", "a/b": "-.5e3"}}}, []),
        ({"resources": {"limits": None, "requests": {"cpu": None}}}, []),
        ({"livenessProbe": {"tcpSocket": {"port": 80}, "httpGet": {"port": "http"}}}, []),
        ({"securityContext": {"runAsUsr": 0}}, ["securityContext.runAsUsr"]),
        ({"securityContext": {"runAsUser": "0"}}, ["securityContext.runAsUser"]),
        ({"securityContext": {"runAsUser": True}}, ["securityContext.runAsUser"]),
        ({"securityContext": {"runAsNonRoot": 1}}, ["securityContext.runAsNonRoot"]),
        ({"resources": {"limit": {}, "limits": []}}, ["resources.limit", "resources.limits"]),
        ({"resources": {"limits": {"cpu": 0.5}}}, ["resources.limits.cpu"]),
        ({"resources": {"limits": {"cpu": "1 Gi"}}}, ["resources.limits.cpu"]),
        ({"resources": {"limits": {"cpu": "1\n"}}}, ["resources.limits.cpu"]),
        ({"resources": {"limits": {"cpu": ""}}}, ["resources.limits.cpu"]),
        ({"resources": {"limits": {"cpu": False}}}, ["resources.limits.cpu"]),
        ({"tolerations": [{"key": "a"}, {"keyy": "a"}]}, ["tolerations[1].keyy"]),
        ({"env": [{"name": "A", "value": 5}]}, ["env[0].value"]),
        ({"env": [{"name": None}]}, ["env[0].name"]),
        ({"env": [{"nam": "A"}]}, ["env[0].nam", "env[0].name"]),
        ({"affinity": {"podAffinity": {"a": {"b": 1}}}}, ["affinity.podAffinity.a"]),
        ({"affinity": {"podAffinity": "none"}}, ["affinity.podAffinity"]),
        ({"dnsConfig": {"nameservers": ["a", 1, None]}}, ["dnsConfig.nameservers[1]",
                                                          "dnsConfig.nameservers[2]"]),
        ({"dnsConfig": {"nameservers": "a"}}, ["dnsConfig.nameservers"]),
        ({"volumes": [{"name": "a", "csi": {"driver": "a", "volumeAttributes": {"b": 1}}}]},
         ["volumes[0].csi.volumeAttributes.b"]),
    ],
)  # fmt: skip
def test_pod_settings_are_judged_as_by_the_api_server(pod: JsonObject, refused: list[str]) -> None:
    template: JsonObject = {"addon": {"jobTemplate": {"spec": pod}}}
    found = _judge(BackupConfiguration, _CONFIGURATION, {"sessions": [template]})
    assert [path.removeprefix(_AT) for path in found] == refused


@pytest.mark.parametrize(
    ("local", "refused"),
    [
        ({"mountPath": "/a", "persistentVolumeClaim": {"claimName": "a"}}, []),
        ({"mountPath": "/a", "secret": {"secretName": "a", "defaultMode": 256}}, []),
        ({"mountPath": "/a", "fc": None}, []),
        ({"persistentVolumeClaims": {"claimName": "a"}}, ["persistentVolumeClaims"]),
        ({"emptyDir": {"sizeLimits": "1Gi"}}, ["emptyDir.sizeLimits"]),
        ({"secret": {"secretNam": "a"}}, ["secret.secretNam"]),
        ({"iscsi": {"lun": 1, "targetPortal": "a"}}, ["iscsi.iqn"]),
    ],
)
def test_local_storage_is_judged_as_by_the_api_server(
    local: JsonObject, refused: list[str]
) -> None:
    found = _judge(BackupStorage, _STORAGE, {"storage": {"provider": "local", "local": local}})
    assert [path.removeprefix("spec.storage.local.") for path in found] == refused


def _used(shape: str) -> Iterator[str]:
    for type_ in SHAPES[shape].values():
        name = type_.removesuffix("!").removeprefix(LIST).removeprefix(MAP)
        if name not in _SCALARS:
            yield name
            yield from _used(name)


def test_every_shape_is_known_and_used() -> None:
    marked = {name for name in SHAPES if Shape(name) in _marks()}
    used = marked | {name for shape in marked for name in _used(shape)}
    assert used == SHAPES.keys()


def _marks() -> set[Shape]:
    """What the fields of our models are marked with."""
    found: set[Shape] = {Shape("VolumeSource")}
    todo: list[object] = [definition.model for definition in DEFINITIONS]
    while todo:
        item = todo.pop()
        if isinstance(item, Shape):
            found.add(item)
        elif isinstance(item, type) and hasattr(item, "model_fields"):
            for field in item.model_fields.values():
                todo += [*field.metadata, field.annotation]
        else:
            todo += getattr(item, "__args__", ())
            todo += getattr(item, "__metadata__", ())
    return found
