"""Function: the container that does a task (addons.kubestash.com/v1alpha1)."""

from typing import ClassVar, Literal

from stashgen.api.base import Model
from stashgen.api.meta import Kind
from stashgen.api.resources import FUNCTIONS, Resource
from stashgen.api.runtime_settings import ContainerRuntimeSettings
from stashgen.api.shapes import ContainerPort, VolumeDevice, VolumeMount


class FunctionSpec(Model):
    """The container; ``args`` are templates with ``${name:=default}``."""

    image: str | None = None
    command: tuple[str, ...] | None = None
    args: tuple[str, ...] | None = None
    working_dir: str | None = None
    ports: tuple[ContainerPort, ...] | None = None
    volume_mounts: tuple[VolumeMount, ...] | None = None
    volume_devices: tuple[VolumeDevice, ...] | None = None
    runtime_settings: ContainerRuntimeSettings | None = None
    available_versions: tuple[str, ...] | None = None


class Function(Kind):
    """The container that does a task."""

    resource: ClassVar[Resource] = FUNCTIONS
    api_version: Literal["addons.kubestash.com/v1alpha1"] = "addons.kubestash.com/v1alpha1"
    kind: Literal["Function"] = "Function"
    spec: FunctionSpec = FunctionSpec()
