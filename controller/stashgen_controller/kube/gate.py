"""What every request of the controller passes: it is counted, and writes wait for the lead."""

from collections import Counter
from collections.abc import Callable, Mapping
from threading import Lock

from stashgen_controller.kube.client import ApiError, Gate

_WRITES = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}


class NotLeadingError(ApiError):
    """A write was held back: another controller may be leading by now."""

    def __init__(self) -> None:
        super().__init__(0, "NotLeading", "this controller does not lead: nothing was written")


class Requests:
    """How many requests were sent, by the verbs of RBAC; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[str] = Counter()

    @property
    def by_verb(self) -> Mapping[str, int]:
        """The numbers so far."""
        with self._lock:
            return dict(self._counts)

    def count(self, method: str, path: str, query: Mapping[str, str]) -> None:
        """Count one request: a gate that lets everything pass."""
        with self._lock:
            self._counts[verb_of(method, path, query)] += 1

    def writing_only_if(
        self, may_write: Callable[[], bool]
    ) -> Callable[[str, str, Mapping[str, str]], None]:
        """A gate that counts, and holds writes back while ``may_write`` says no."""

        def gate(method: str, path: str, query: Mapping[str, str]) -> None:
            if method != "GET" and not may_write():
                raise NotLeadingError
            self.count(method, path, query)

        return gate


def in_order(*gates: Gate) -> Gate:
    """One gate after the other; the first that holds a request back ends it."""

    def gate(method: str, path: str, query: Mapping[str, str]) -> None:
        for item in gates:
            item(method, path, query)

    return gate


def verb_of(method: str, path: str, query: Mapping[str, str]) -> str:
    """A request's verb as RBAC and the audit log call it (Kubernetes, "Request verbs")."""
    if method != "GET":
        return _WRITES.get(method, method.lower())
    if query.get("watch"):
        return "watch"
    # /api/v1/..., /apis/<group>/<version>/...; then perhaps namespaces/<name>.
    parts = path.strip("/").split("/")
    parts = parts[2:] if parts[0] == "api" else parts[3:]
    if parts[0] == "namespaces" and parts[2:]:
        parts = parts[2:]
    return "list" if len(parts) == 1 else "get"
