"""Role and RoleBinding (rbac.authorization.k8s.io/v1): what a ServiceAccount may do."""

from typing import ClassVar, Literal

from stashgen.api.base import Model
from stashgen.api.meta import Kind
from stashgen.api.resources import ROLE_BINDINGS, ROLES, Resource


class PolicyRule(Model):
    """Verbs on resources, of all objects or of those named."""

    api_groups: tuple[str, ...]
    resources: tuple[str, ...]
    resource_names: tuple[str, ...] | None = None
    verbs: tuple[str, ...]


class Role(Kind):
    """What may be done in a namespace."""

    resource: ClassVar[Resource] = ROLES
    api_version: Literal["rbac.authorization.k8s.io/v1"] = "rbac.authorization.k8s.io/v1"
    kind: Literal["Role"] = "Role"
    rules: tuple[PolicyRule, ...] = ()


class RoleRef(Model):
    """The role of a binding."""

    api_group: str = "rbac.authorization.k8s.io"
    kind: str
    name: str


class Subject(Model):
    """Who has the role."""

    kind: str
    name: str
    namespace: str | None = None


class RoleBinding(Kind):
    """Who may do what a Role says."""

    resource: ClassVar[Resource] = ROLE_BINDINGS
    api_version: Literal["rbac.authorization.k8s.io/v1"] = "rbac.authorization.k8s.io/v1"
    kind: Literal["RoleBinding"] = "RoleBinding"
    role_ref: RoleRef
    subjects: tuple[Subject, ...] = ()
