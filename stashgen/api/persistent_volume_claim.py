"""PersistentVolumeClaim (core/v1): what an inventory and the controller read of one."""

from typing import ClassVar, Literal

from stashgen.api.base import LENIENT, JsonObject, Model
from stashgen.api.meta import Kind
from stashgen.api.resources import PERSISTENT_VOLUME_CLAIMS, Resource


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


class PersistentVolumeClaimStatus(Model):
    """Whether there is a volume behind a claim.

    Attributes:
        phase: ``Pending``, ``Bound`` or ``Lost`` (Kubernetes, "Persistent Volumes").
    """

    model_config = LENIENT

    phase: str | None = None


class PersistentVolumeClaim(Kind):
    """A request for a volume."""

    model_config = LENIENT

    resource: ClassVar[Resource] = PERSISTENT_VOLUME_CLAIMS
    api_version: Literal["v1"] = "v1"
    kind: Literal["PersistentVolumeClaim"] = "PersistentVolumeClaim"
    spec: PersistentVolumeClaimSpec = PersistentVolumeClaimSpec()
    status: PersistentVolumeClaimStatus | None = None
