"""A worker's few API requests, with the standard library: get, create and a status patch."""

import json
import ssl
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from http.client import HTTPException

from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from stashgen_controller.worker.environment import Environment

_TIMEOUT = 5.0
_ATTEMPTS = 3
_PAUSE = 0.2
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
        self._opener = _opener(environment)

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
        if self._url is None:
            raise ApiRefusedError(0, "this pod has no access to an API server")
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        if self._environment.token_file.exists():
            token = self._environment.token_file.read_text(encoding="utf-8").strip()
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(  # noqa: S310 - the address is the pod's own
            self._url + path,
            method=method,
            headers=headers,
            data=json.dumps(body).encode() if body is not None else None,
        )
        return self._send(request)

    def _send(self, request: urllib.request.Request) -> JsonObject:
        problem = "no request was sent"
        for attempt in range(_ATTEMPTS):
            time.sleep(_PAUSE * attempt)
            try:
                with self._opener.open(request, timeout=_TIMEOUT) as response:
                    loaded = json.load(response)
                    return loaded if isinstance(loaded, dict) else {}
            except urllib.error.HTTPError as error:
                text = error.read().decode(errors="replace")[:500]
                if error.code < HTTPStatus.INTERNAL_SERVER_ERROR:
                    raise ApiRefusedError(error.code, text) from error
                problem = text
            except (OSError, HTTPException) as error:
                problem = str(error)
                if isinstance(getattr(error, "reason", error), TimeoutError):
                    # A server that does not respond at all would delay the report of the run.
                    break
            except ValueError as error:
                raise ApiRefusedError(0, f"the response is not JSON: {error}") from error
        raise ApiRefusedError(0, problem)


def _opener(environment: Environment) -> urllib.request.OpenerDirector:
    """Never through a proxy: the pod's proxy settings are for the storage."""
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if (environment.api_url or "").startswith("https://"):
        ca_file = environment.ca_file
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file.exists() else None)
        handlers.append(urllib.request.HTTPSHandler(context=context))
    return urllib.request.build_opener(*handlers)
