"""A worker's few API requests: get, create and a status patch."""

import contextlib
import json
from collections.abc import Callable
from functools import cached_property
from http import HTTPStatus

from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from stashgen_controller.worker.environment import Environment

_JSON_PATCH = "application/json-patch+json"


class ApiRefusedError(Exception):
    """The API server rejected a request (``status`` is its HTTP code) or was unreachable (0)."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """Requests to the API server with the pod's own token."""

    def __init__(self, environment: Environment) -> None:
        self._url = environment.api_url
        self._environment = environment

    def load(self) -> None:
        """Import what a request needs, where there is time for it."""
        with contextlib.suppress(ApiRefusedError):
            _ = self._ask

    def get(self, resource: Resource, namespace: str, name: str) -> JsonObject:
        """One object.

        Raises:
            ApiRefusedError: there is none, or we may not read it.
        """
        return self._request("GET", resource.path(namespace, name))

    def create(self, resource: Resource, namespace: str, body: JsonObject) -> JsonObject:
        """Create one object.

        Raises:
            ApiRefusedError: with status 409 where one of this name is there.
        """
        return self._request("POST", resource.path(namespace), body)

    def patch_status(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        uid: str,
        status: JsonObject,
        *,
        is_new: bool = False,
    ) -> None:
        """Set fields of a status, if the object is still the one that is meant.

        A JSON patch (RFC 6902) with a test of the UID: a merge patch of a status leaves out what it
        says of the metadata, so that an object that was created anew would get what belongs to the
        one before it. Where there may be no status yet, it takes one more request to find out.

        Args:
            resource: Of the object.
            namespace: Its own.
            name: Its own.
            uid: Its own.
            status: The fields, each as a whole.
            is_new: As a rule it has no status yet: that is tried first.

        Raises:
            ApiRefusedError: the server does not answer, we may not write it, or the object is gone
                or another one.
        """
        path = resource.path(namespace, name) + "/status"
        test: JsonObject = {"op": "test", "path": "/metadata/uid", "value": uid}
        fields: list[JsonObject] = [
            {"op": "add", "path": f"/status/{field}", "value": value}
            for field, value in status.items()
        ]
        whole: list[JsonObject] = [
            {"op": "test", "path": "/status", "value": None},
            {"op": "add", "path": "/status", "value": status},
        ]
        first, second = (whole, fields) if is_new else (fields, whole)
        try:
            self._request("PATCH", path, [test, *first], _JSON_PATCH)
        except ApiRefusedError as error:
            if error.status != HTTPStatus.UNPROCESSABLE_ENTITY:
                raise
            self._request("PATCH", path, [test, *second], _JSON_PATCH)

    def _request(
        self,
        method: str,
        path: str,
        body: JsonObject | list[JsonObject] | None = None,
        content_type: str = "application/json",
    ) -> JsonObject:
        data = json.dumps(body).encode() if body is not None else None
        return self._ask(method, path, data, content_type)

    @cached_property
    def _ask(self) -> Callable[[str, str, bytes | None, str], JsonObject]:
        if self._url is None:
            raise ApiRefusedError(0, "this pod has no access to an API server")
        from stashgen_controller.worker.api_connection import ApiConnection

        try:
            return ApiConnection(self._url, self._environment).ask
        except OSError as error:
            raise ApiRefusedError(0, f"the API server's certificate: {error}") from error
