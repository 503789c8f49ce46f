"""A reader of the cluster with the user's own permissions: each kind is listed once, on first use.

Without permission to read what a command needs, the command fails and names the missing permission.
Kinds that only add detail (events, pods) are left out, with a note.
"""

import difflib
from collections.abc import Iterable
from typing import cast

from stashgen.api.base import JsonObject, name_of
from stashgen.api.resources import (
    CRON_JOBS,
    EVENTS,
    JOBS,
    NAMESPACES,
    PODS,
    RESTORE_REQUESTS,
    RETENTION_POLICIES,
    Resource,
)
from stashgen.diagnostics import ToolError, UsageError, quote
from stashgen_controller.kube.client import ApiError, Client, NotFoundError
from stashgen_controller.runtime.scanned import ScannedReader

# A command continues without these.
OPTIONAL = frozenset(
    {CRON_JOBS, EVENTS, JOBS, NAMESPACES, PODS, RESTORE_REQUESTS, RETENTION_POLICIES}
)
_FORBIDDEN, _UNKNOWN_USER = 403, 401


class Cluster(ScannedReader):
    """A reader of one namespace, or of all.

    Args:
        client: With the user's permissions.
        namespace: None for all.
    """

    def __init__(self, client: Client, namespace: str | None) -> None:
        self.client = client
        self.namespace = namespace
        self.notes: list[str] = []
        self._known: dict[Resource, dict[tuple[str, str], JsonObject]] = {}

    def require_namespace(self) -> None:
        """Make sure that what is empty exists; whoever may not see it is not stopped.

        Raises:
            UsageError: there is no such namespace.
        """
        if self.namespace is None:
            return
        try:
            self.client.get(NAMESPACES, None, self.namespace)
        except NotFoundError as error:
            msg = f"there is no namespace {quote(self.namespace)}{self._near()}"
            raise UsageError(msg) from error
        except ApiError as error:
            if error.status != _FORBIDDEN:
                raise failure(error) from error
            self.notes.append(f"whether the namespace exists is not known: {error.message}")

    def _near(self) -> str:
        try:
            found, _ = self.client.list(NAMESPACES)
        except ApiError:
            return ""
        near = difflib.get_close_matches(self.namespace or "", map(name_of, found), n=1)
        return f"; did you mean {near[0]}?" if near else ""

    def listed(self, resource: Resource) -> Iterable[JsonObject]:
        """The objects of a kind, sorted by namespace and name."""
        if resource not in self._known:
            self._known[resource] = self._listed(resource)
        return self._known[resource].values()

    def stored(self, resource: Resource, namespace: str | None, name: str) -> JsonObject | None:
        """One object, or None."""
        self.listed(resource)
        return self._known[resource].get((namespace or "", name))

    def _listed(self, resource: Resource) -> dict[tuple[str, str], JsonObject]:
        try:
            found = self._read(resource)
        except ApiError as error:
            if resource in OPTIONAL and error.status == _FORBIDDEN:
                self.notes.append(f"{resource.plural} are left out: {_sentence(error.message)}")
                return {}
            if not isinstance(error, NotFoundError):
                raise failure(error) from error
            if resource in {RESTORE_REQUESTS, NAMESPACES}:
                # An installation without RestoreRequests; a namespace that does not exist.
                return {}
            raise ToolError(
                f"the cluster has no {resource.plural}.{resource.group}: the CRDs of stashgen are "
                "not installed"
            ) from error
        keyed = {_key(obj): obj for obj in found}
        return dict(sorted(keyed.items()))

    def _read(self, resource: Resource) -> Iterable[JsonObject]:
        if resource == NAMESPACES and self.namespace is not None:
            return [self.client.get(NAMESPACES, None, self.namespace)]
        found, _ = self.client.list(resource, self.namespace)
        return found


def failure(error: ApiError) -> ToolError:
    """The error for a failed request: one sentence, and what to do about it."""
    if error.status == 0:
        return ToolError(f"the API server cannot be reached: {_sentence(error.message)}")
    if error.status == _UNKNOWN_USER:
        return ToolError("the API server rejected your credentials (401): log in again")
    if error.status == _FORBIDDEN:
        return ToolError(
            f"permission denied (403): {_sentence(error.message)}; docs/on-call.md has a role"
        )
    return ToolError(f"the API server rejected a request ({error.status}): {error.message}")


def _sentence(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _key(obj: JsonObject) -> tuple[str, str]:
    metadata = cast("JsonObject", obj["metadata"])
    return (str(metadata.get("namespace") or ""), str(metadata["name"]))
