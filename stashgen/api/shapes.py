"""Fields that we pass on as JSON: what the API server is told of their content.

A pod's affinity, say, is nothing that the controller looks into, but a typo in it has to be
refused: so the field stays a JSON object here, and its shape is in the CRD and in what
``stashgen check`` says of KubeStash manifests.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, get_args

from pydantic import GetJsonSchemaHandler
from pydantic.fields import FieldInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from stashgen.api import kubernetes_shapes, kubestash_shapes
from stashgen.api.base import JsonObject

KEY = "x-shape"
SHAPES: Mapping[str, Mapping[str, str]] = {**kubernetes_shapes.SHAPES, **kubestash_shapes.SHAPES}
LIST, MAP = "[]", "map[string]"


@dataclass(frozen=True, slots=True)
class Shape:
    """Marks a JSON object as one of Kubernetes' or KubeStash's types, a key of ``SHAPES``."""

    name: str

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Only its name: the CRD has its fields, and nothing else reads a schema."""
        del schema, handler
        return {KEY: self.name}


@dataclass(frozen=True, slots=True)
class FreeForm:
    """Marks a JSON object that takes any field, and why it has to."""

    reason: str

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """An object about which nothing is known."""
        del schema, handler
        return {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def shape_of(field: FieldInfo) -> str | None:
    """The shape that a model's field, or each item of it, is marked with."""
    marks = (*field.metadata, *_marks(field.annotation))
    return next((mark.name for mark in marks if isinstance(mark, Shape)), None)


def _marks(annotation: object) -> Iterator[object]:
    for item in get_args(annotation):
        if isinstance(item, Shape):
            yield item
        else:
            yield from _marks(item)


Affinity = Annotated[JsonObject, Shape("Affinity")]
Container = Annotated[JsonObject, Shape("Container")]
ContainerPort = Annotated[JsonObject, Shape("ContainerPort")]
EmptyDirVolumeSource = Annotated[JsonObject, Shape("EmptyDirVolumeSource")]
EnvFromSource = Annotated[JsonObject, Shape("EnvFromSource")]
EnvVar = Annotated[JsonObject, Shape("EnvVar")]
Lifecycle = Annotated[JsonObject, Shape("Lifecycle")]
LocalObjectReference = Annotated[JsonObject, Shape("LocalObjectReference")]
PersistentVolumeClaim = Annotated[JsonObject, Shape("PersistentVolumeClaim")]
PodDNSConfig = Annotated[JsonObject, Shape("PodDNSConfig")]
PodReadinessGate = Annotated[JsonObject, Shape("PodReadinessGate")]
PodSecurityContext = Annotated[JsonObject, Shape("PodSecurityContext")]
Probe = Annotated[JsonObject, Shape("Probe")]
ResourceRequirements = Annotated[JsonObject, Shape("ResourceRequirements")]
SecurityContext = Annotated[JsonObject, Shape("SecurityContext")]
Toleration = Annotated[JsonObject, Shape("Toleration")]
TopologySpreadConstraint = Annotated[JsonObject, Shape("TopologySpreadConstraint")]
Volume = Annotated[JsonObject, Shape("Volume")]
VolumeDevice = Annotated[JsonObject, Shape("VolumeDevice")]
VolumeMount = Annotated[JsonObject, Shape("VolumeMount")]

AddonVolumeSource = Annotated[JsonObject, Shape("AddonVolumeSource")]
DatabaseManifest = Annotated[JsonObject, Shape("DatabaseManifest")]
DruidManifest = Annotated[JsonObject, Shape("DruidManifest")]
MsSqlServerManifest = Annotated[JsonObject, Shape("MsSqlServerManifest")]
RedisSentinelManifest = Annotated[JsonObject, Shape("RedisSentinelManifest")]
ClickHouseStats = Annotated[JsonObject, Shape("ClickHouseStats")]
LogStats = Annotated[JsonObject, Shape("LogStats")]
MedusaStats = Annotated[JsonObject, Shape("MedusaStats")]
Neo4jStats = Annotated[JsonObject, Shape("Neo4jStats")]
SolrStats = Annotated[JsonObject, Shape("SolrStats")]
WalGStats = Annotated[JsonObject, Shape("WalGStats")]
