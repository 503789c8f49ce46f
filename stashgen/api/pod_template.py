"""PodTemplate (core/v1): a reviewed pod, from which the controller makes Jobs."""

from typing import ClassVar, Literal

from pydantic import Field

from stashgen.api.base import JsonObject, Model
from stashgen.api.meta import Kind
from stashgen.api.resources import POD_TEMPLATES, Resource
from stashgen.api.runtime_settings import TemplateMetadata


class PodTemplateSpec(Model):
    """A pod without a name; ``spec`` is Kubernetes' whole PodSpec, passed through as it is."""

    metadata: TemplateMetadata | None = None
    spec: JsonObject = Field(default_factory=dict)


class PodTemplate(Kind):
    """A reviewed pod."""

    resource: ClassVar[Resource] = POD_TEMPLATES
    api_version: Literal["v1"] = "v1"
    kind: Literal["PodTemplate"] = "PodTemplate"
    template: PodTemplateSpec = PodTemplateSpec()
