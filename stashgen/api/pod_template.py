"""PodTemplate (core/v1): a reviewed pod, from which the controller makes Jobs."""

from typing import Literal

from pydantic import Field

from stashgen.api.base import JsonObject, Model
from stashgen.api.meta import Kind
from stashgen.api.runtime_settings import TemplateMetadata


class PodTemplateSpec(Model):
    """A pod without a name; ``spec`` is Kubernetes' whole PodSpec, passed through as it is."""

    metadata: TemplateMetadata | None = None
    spec: JsonObject = Field(default_factory=dict)


class PodTemplate(Kind):
    """A reviewed pod."""

    api_version: Literal["v1"] = "v1"
    kind: Literal["PodTemplate"] = "PodTemplate"
    template: PodTemplateSpec = PodTemplateSpec()
