"""The cluster with the user's own rights: every kind is listed once, when it is first asked for.

Without the right to read what a command is about, the command ends and says which right is
missing. What only makes the answer richer (events, pods) is left out, and that is noted.
"""

from collections.abc import Iterable
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.resources import (
    CRON_JOBS,
    EVENTS,
    JOBS,
    PODS,
    RESTORE_REQUESTS,
    RETENTION_POLICIES,
    Resource,
)
from stashgen.diagnostics import ToolError
from stashgen_controller.kube.client import ApiError, Client, NotFoundError
from stashgen_controller.runtime.scanned import ScannedReader

# A command goes on without these.
OPTIONAL = frozenset({CRON_JOBS, EVENTS, JOBS, PODS, RESTORE_REQUESTS, RETENTION_POLICIES})
_FORBIDDEN, _UNKNOWN_USER = 403, 401


class Cluster(ScannedReader):
    """A reader of one namespace, or of all.

    Args:
        client: With the user's rights.
        namespace: None for all.
    """

    def __init__(self, client: Client, namespace: str | None) -> None:
        self.client = client
        self.namespace = namespace
        self.notes: list[str] = []
        self._known: dict[Resource, dict[tuple[str, str], JsonObject]] = {}

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
            found, _ = self.client.list(resource, self.namespace)
        except ApiError as error:
            if resource in OPTIONAL and error.status == _FORBIDDEN:
                self.notes.append(
                    f"{resource.plural} are not looked at: {_sentence(error.message)}"
                )
                return {}
            if not isinstance(error, NotFoundError):
                raise failure(error) from error
            if resource == RESTORE_REQUESTS:
                return {}  # an installation without restores in git
            raise ToolError(
                f"the cluster does not know {resource.plural}.{resource.group}: the CRDs of "
                "stashgen are not installed there"
            ) from error
        keyed = {_key(obj): obj for obj in found}
        return dict(sorted(keyed.items()))


def failure(error: ApiError) -> ToolError:
    """What to tell the user about a request that failed: one sentence, and what to do."""
    if error.status == 0:
        return ToolError(f"the API server cannot be reached: {_sentence(error.message)}")
    if error.status == _UNKNOWN_USER:
        return ToolError("the API server does not know who you are (401): log in again")
    if error.status == _FORBIDDEN:
        return ToolError(
            f"you may not do this (403): {_sentence(error.message)}; docs/on-call.md has a role"
        )
    return ToolError(f"the API server refused a request ({error.status}): {error.message}")


def _sentence(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _key(obj: JsonObject) -> tuple[str, str]:
    metadata = cast("JsonObject", obj["metadata"])
    return (str(metadata.get("namespace") or ""), str(metadata["name"]))
