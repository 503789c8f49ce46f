"""ReviewedTemplates: every pod that the controller may start in a namespace of a strict cluster.

This is the parameter of the admission policy for its Jobs: the compiler writes it for each
namespace, it is reviewed in Git, and only the API server reads it.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from stashgen.api.base import JsonObject, Model
from stashgen.api.meta import Kind
from stashgen.api.resources import REVIEWED_TEMPLATES, Resource
from stashgen.api.shapes import FreeForm

StoredPodSpec = Annotated[
    JsonObject, FreeForm("it has to equal what a server stores, whose Kubernetes may be newer")
]


class RestoreInto(Model):
    """The only allowed difference in a restore's pod: the claim that a volume names.

    Attributes:
        volume: The pod's volume.
        claim_prefix: What the claim's name has to begin with.
        protected: Claims whose names begin so and that are in use: they are backed up themselves,
            or a storage. Nothing else is restored into them.
    """

    volume: str
    claim_prefix: str
    protected: tuple[str, ...]


class ReviewedTemplate(Model):
    """One reviewed pod.

    Attributes:
        name: The PodTemplate's; a Job says by its label ``stashgen.dev/pod-template`` which it is.
        labels, annotations: The pod's own; besides them only a session's are let in.
        pod_spec: Kubernetes' PodSpec as the API server stores it, every default written out.
        restore_into: Set for restores.
    """

    name: str
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    pod_spec: StoredPodSpec
    restore_into: RestoreInto | None = None


class ReviewedTemplatesSpec(Model):
    """The pods, sorted by name."""

    templates: tuple[ReviewedTemplate, ...] = ()


class ReviewedTemplates(Kind):
    """Every pod that the controller may start in a namespace."""

    resource: ClassVar[Resource] = REVIEWED_TEMPLATES
    api_version: Literal["stashgen.dev/v1alpha1"] = "stashgen.dev/v1alpha1"
    kind: Literal["ReviewedTemplates"] = "ReviewedTemplates"
    spec: ReviewedTemplatesSpec = ReviewedTemplatesSpec()
