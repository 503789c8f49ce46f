"""PersistentVolumeClaim (core/v1): what an inventory and the controller read of one."""

from typing import Literal

from pydantic import ConfigDict
from pydantic.alias_generators import to_camel

from stashgen.api.base import JsonObject, Model
from stashgen.api.meta import Kind

LENIENT = ConfigDict(
    frozen=True,
    extra="ignore",
    alias_generator=to_camel,
    validate_by_name=True,
    validate_by_alias=True,
    serialize_by_alias=True,
)


class VolumeResources(Model):
    """Requested and limiting amounts."""

    model_config = LENIENT

    requests: dict[str, str | int] | None = None


class PersistentVolumeClaimSpec(Model):
    """What kind of volume is wanted."""

    model_config = LENIENT

    access_modes: tuple[str, ...] | None = None
    storage_class_name: str | None = None
    volume_name: str | None = None
    volume_mode: str | None = None
    resources: VolumeResources | None = None
    selector: JsonObject | None = None


class PersistentVolumeClaim(Kind):
    """A request for a volume."""

    model_config = LENIENT

    api_version: Literal["v1"] = "v1"
    kind: Literal["PersistentVolumeClaim"] = "PersistentVolumeClaim"
    spec: PersistentVolumeClaimSpec = PersistentVolumeClaimSpec()
