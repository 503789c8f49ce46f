"""What the path of a request means (Kubernetes API concepts, "Resource URIs")."""

from urllib.parse import unquote

from stashgen_controller.embedded.apiserver.errors import no_such_resource
from stashgen_controller.embedded.apiserver.rest import Api, Target

_NAMESPACE_PARTS = 3
_DEEPEST = 3


def split(path: str) -> list[str]:
    """The parts of a path."""
    return [unquote(part) for part in path.split("/") if part]


def target(api: Api, parts: list[str]) -> Target:
    """The collection or object that a path names.

    Raises:
        StatusError: 404 for a path that means nothing.
    """
    match parts:
        case ["api", version, *rest]:
            group = ""
        case ["apis", group, version, *rest]:
            pass
        case _:
            raise no_such_resource()
    namespace = ""
    is_inside = len(rest) >= _NAMESPACE_PARTS and rest[0] == "namespaces"
    if is_inside and rest[2] not in {"status", "finalize"}:
        namespace, rest = rest[1], rest[2:]
    if not rest or len(rest) > _DEEPEST or any("/" in part for part in rest):
        raise no_such_resource()
    served = api.find(group, version, rest[0])
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) == _DEEPEST else ""
    is_scoped = bool(namespace) == served.resource.namespaced
    if not is_scoped and (namespace or name):
        raise no_such_resource()
    if subresource and not (subresource == "status" and served.has_status):
        raise no_such_resource()
    return Target(served, namespace, name, subresource)
