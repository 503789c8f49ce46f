"""Addon: which tasks exist and which Function does each (addons.kubestash.com/v1alpha1)."""

from typing import ClassVar, Literal

from pydantic import Field

from stashgen.api.base import Bool, Model
from stashgen.api.meta import Kind
from stashgen.api.resources import ADDONS, Resource
from stashgen.api.shapes import AddonVolumeSource, VolumeMount
from stashgen.api.shared import ParameterDefinition
from stashgen.api.snapshot import Driver


class VolumeTemplate(Model):
    """A volume that a task needs: any VolumeSource or a claim template."""

    name: str | None = None
    usage: str | None = None
    source: AddonVolumeSource | None = None


class AddonTask(Model):
    """One task of an addon."""

    name: str | None = None
    function: str | None = None
    driver: Driver | None = None
    executor: str | None = Field(
        default=None,
        json_schema_extra={"enum": ["Job", "Sidecar", "EphemeralContainer", "MultiLevelJob"]},
    )
    singleton: Bool | None = None
    parameters: tuple[ParameterDefinition, ...] | None = None
    volume_template: tuple[VolumeTemplate, ...] | None = None
    volume_mounts: tuple[VolumeMount, ...] | None = None


class AddonSpec(Model):
    """The tasks."""

    backup_tasks: tuple[AddonTask, ...] | None = None
    restore_tasks: tuple[AddonTask, ...] | None = None


class Addon(Kind):
    """Which tasks exist and which Function does each."""

    resource: ClassVar[Resource] = ADDONS
    api_version: Literal["addons.kubestash.com/v1alpha1"] = "addons.kubestash.com/v1alpha1"
    kind: Literal["Addon"] = "Addon"
    spec: AddonSpec = AddonSpec()
