"""Namespace (core/v1): what the controller reads of one is its metadata."""

from typing import ClassVar, Literal

from stashgen.api.meta import Kind
from stashgen.api.resources import NAMESPACES, Resource

POD_SECURITY_LEVELS = ("privileged", "baseline", "restricted")


class Namespace(Kind):
    """A scope of names."""

    resource: ClassVar[Resource] = NAMESPACES
    api_version: Literal["v1"] = "v1"
    kind: Literal["Namespace"] = "Namespace"
