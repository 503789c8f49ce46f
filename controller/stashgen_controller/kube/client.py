"""The Kubernetes API as the controller uses it: plain objects over HTTP.

Nothing is deserialised into the models of the ``kubernetes`` package: they cost 16 times as much
for each watch event.
"""

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, MutableSequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Self, cast
from urllib.parse import urlencode, urlsplit

import orjson
from urllib3 import BaseHTTPResponse, Timeout
from urllib3.exceptions import HTTPError, ReadTimeoutError

from stashgen.api.base import JsonObject
from stashgen.api.resources import PODS, Resource
from stashgen_controller.kube import connection
from stashgen_controller.kube.connection import Connection
from stashgen_controller.kube.nesting import loads

# How an audit log tells our requests from those that a person makes with the same account.
USER_AGENT = "stashgen-controller"
_OF_USER = "stashgen"
MERGE_PATCH = "application/merge-patch+json"
_PAGE = 500
# A server that is there answers at once; one behind a dead route would be waited for.
_CONNECT_SECONDS = 10
# Tokens are renewed minutes before they expire.
_TOKEN_SECONDS = 10.0

# Told of each request before it is sent (method, path, query); an ApiError holds it back.
Gate = Callable[[str, str, Mapping[str, str]], None]


class ApiError(Exception):
    """The API server refused a request, or could not be reached (status 0)."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(f"{reason or status}: {message}")
        self.status = status
        self.reason = reason
        self.message = message


class NotFoundError(ApiError):
    """404: no such object."""


class ConflictError(ApiError):
    """409: somebody else wrote the object since it was read."""


class AlreadyExistsError(ConflictError):
    """409 on a create: an object of this name is there."""


class InvalidError(ApiError):
    """422: the object breaks a rule of its schema."""


class ExpiredError(ApiError):
    """410: the resource version is too old to watch from; list again."""


@dataclass(frozen=True, slots=True)
class Event:
    """One watch event: ADDED, MODIFIED, DELETED or BOOKMARK, with the object."""

    type: str
    object: JsonObject


def _error(status: int, body: object) -> ApiError:
    details: Mapping[str, Any] = {}
    with contextlib.suppress(ValueError, TypeError):
        loaded = orjson.loads(cast("bytes | str", body) or b"{}")
        details = loaded if isinstance(loaded, dict) else {}
    reason = str(details.get("reason") or "")
    message = str(details.get("message") or body or "no message")
    match status, reason:
        case 404, _:
            kind: type[ApiError] = NotFoundError
        case 409, "AlreadyExists":
            kind = AlreadyExistsError
        case 409, _:
            kind = ConflictError
        case 410, _:
            kind = ExpiredError
        case 422, _:
            kind = InvalidError
        case _:
            kind = ApiError
    return kind(status, reason, message)


class Client:
    """Requests to one API server; safe to use from several threads."""

    def __init__(
        self,
        connection: Connection,
        gate: Gate | None = None,
        agent: str = USER_AGENT,
        dated: Callable[[str], None] | None = None,
    ) -> None:
        self._connection = connection
        self._gate = gate
        self._agent = agent
        self._dated = dated
        self._open, self._base = _opener(connection)
        self._headers = {"Accept": "application/json", "User-Agent": agent}
        self._authorization: Mapping[str, str] = {}
        self._authorized_until = 0.0

    @classmethod
    def configured(
        cls,
        kubeconfig: str | None,
        *,
        agent: str = USER_AGENT,
        dated: Callable[[str], None] | None = None,
    ) -> Self:
        """A client for the server that a kubeconfig names; without one, for the pod's own cluster.

        Args:
            kubeconfig: Path of the file.
            agent: Who we are in the server's audit log.
            dated: Given the Date field of each answer.

        Raises:
            UnconfiguredError: the file is missing or wrong, or we are not in a pod.
        """
        if kubeconfig is None:
            found = connection.of_pod(os.environ, connection.ACCOUNT)
            return cls(found, agent=agent, dated=dated)
        from stashgen_controller.kube import kubeconfig as files

        return cls(files.of_file(kubeconfig), agent=agent, dated=dated)

    @classmethod
    def of_user(cls, kubeconfig: str, context: str | None) -> tuple[Self, str]:
        """A client with the rights of a kubeconfig's user, and the context's namespace.

        Args:
            kubeconfig: One file, or several as in $KUBECONFIG.
            context: One of its contexts; None for the current one.

        Raises:
            UnconfiguredError: there is no such file or context, or it is wrong.
        """
        from stashgen_controller.kube import kubeconfig as files

        found, namespace = files.of_user(kubeconfig, context)
        return cls(found, agent=_OF_USER), namespace

    def through(self, gate: Gate) -> "Client":
        """The same connections, with a gate before each request."""
        return Client(self._connection, gate, self._agent, self._dated)

    @classmethod
    def for_url(cls, url: str, *, token: str | None = None, ca_file: str | None = None) -> Self:
        """A client for a server's address, as the embedded cluster needs it."""
        return cls(connection.to_url(url, token=token, ca_file=ca_file), agent=_OF_USER)

    def get(self, resource: Resource, namespace: str | None, name: str) -> JsonObject:
        """One object.

        Raises:
            NotFoundError: when there is none.
        """
        return self._request("GET", resource.path(namespace, name))

    def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        page_size: int = _PAGE,
    ) -> tuple[list[JsonObject], str]:
        """All objects of a kind (in a namespace), page by page, and the list's version."""
        found = tuple(
            self.pages(
                resource,
                namespace,
                label_selector=label_selector,
                field_selector=field_selector,
                page_size=page_size,
            )
        )
        return [item for page, _ in found for item in page], found[-1][1]

    def pages(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        page_size: int = _PAGE,
    ) -> Iterator[tuple[MutableSequence[JsonObject], str]]:
        """The same page by page, each with the list's version; at least one page.

        The page is the caller's, who may empty it.
        """
        query = {"limit": str(page_size)}
        if label_selector:
            query["labelSelector"] = label_selector
        if field_selector:
            query["fieldSelector"] = field_selector
        while True:
            page = self._request("GET", resource.path(namespace), query=query)
            items = cast("list[JsonObject]", page.pop("items", None) or [])
            for item in items:
                item.setdefault("apiVersion", resource.api_version)
                item.setdefault("kind", resource.kind)
            meta = cast("dict[str, str]", page.get("metadata") or {})
            yield items, meta.get("resourceVersion", "")
            if not meta.get("continue"):
                return
            query["continue"] = meta["continue"]

    def create(
        self, resource: Resource, namespace: str | None, body: JsonObject, *, dry_run: bool = False
    ) -> JsonObject:
        """Create an object and return it as stored.

        Raises:
            AlreadyExistsError: an object of this name is there.
            InvalidError: the object breaks its schema.
        """
        query = {"dryRun": "All"} if dry_run else {}
        return self._request("POST", resource.path(namespace), body=body, query=query)

    def replace(
        self, resource: Resource, namespace: str | None, body: JsonObject, *, status: bool = False
    ) -> JsonObject:
        """Replace an object (or only its status); the body's resource version must be current.

        Raises:
            ConflictError: somebody else wrote the object since it was read.
        """
        metadata = cast("dict[str, str]", body["metadata"])
        path = resource.path(namespace, metadata["name"]) + ("/status" if status else "")
        return self._request("PUT", path, body=body)

    def patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        body: object,
        *,
        status: bool = False,
        content_type: str = MERGE_PATCH,
    ) -> JsonObject:
        """Patch an object (or its status); a merge patch (RFC 7386) unless said otherwise."""
        path = resource.path(namespace, name) + ("/status" if status else "")
        return self._request("PATCH", path, body=body, content_type=content_type)

    def delete(
        self, resource: Resource, namespace: str | None, name: str, *, uid: str | None = None
    ) -> None:
        """Delete an object and, in the background, what it owns; with ``uid`` only that one.

        Raises:
            NotFoundError: when there is none.
            ConflictError: when the object of this name has another UID.
        """
        options: JsonObject = {"propagationPolicy": "Background"}
        if uid is not None:
            options["preconditions"] = {"uid": uid}
        self._request("DELETE", resource.path(namespace, name), body=options)

    def log(self, namespace: str, pod: str, container: str | None = None) -> str:
        """What a container of a pod wrote; without a name the pod's only one.

        Raises:
            NotFoundError: when there is no such pod.
        """
        query = {"container": container} if container else None
        response = self._call("GET", f"{PODS.path(namespace, pod)}/log", query=query)
        try:
            data: bytes = response.read()
        except HTTPError as error:
            raise ApiError(0, "Disconnected", str(error)) from error
        finally:
            response.release_conn()
        return data.decode(errors="replace")

    def raw(self, method: str, path: str, body: object = None) -> JsonObject:
        """A request that no other method makes, for example the embedded cluster's clock."""
        return self._request(method, path, body=body)

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str = "",
        timeout_seconds: int = 300,
    ) -> Iterator[Event]:
        """Events since a version, until the server ends the stream.

        Raises:
            ExpiredError: the version is too old; list again.
        """
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(timeout_seconds),
        }
        if label_selector:
            query["labelSelector"] = label_selector
        response = self._call(
            "GET", resource.path(namespace), query=query, timeout=timeout_seconds + 15
        )
        try:
            for line in _lines(response):
                loaded = cast("Any", loads(line))
                if loaded["type"] == "ERROR":
                    raise _error(int(loaded["object"].get("code", 500)), line_body(loaded))
                yield Event(loaded["type"], loaded["object"])
        except (ReadTimeoutError, HTTPError) as error:
            raise ApiError(0, "Disconnected", str(error)) from error
        finally:
            response.close()

    def _request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> JsonObject:
        response = self._call(method, path, body=body, query=query, content_type=content_type)
        try:
            data = response.read()
        except HTTPError as error:
            raise ApiError(0, "Disconnected", str(error)) from error
        finally:
            response.release_conn()
        loaded = loads(data or b"{}")
        return loaded if isinstance(loaded, dict) else {}

    def _call(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        timeout: float = 60,
    ) -> BaseHTTPResponse:
        if self._gate is not None:
            self._gate(method, path, query or {})
        headers = {**self._headers, "Content-Type": content_type, **self._authorize()}
        url = self._base + path
        if query:
            url += f"?{urlencode(query)}"
        try:
            response = self._open(
                method,
                url,
                body=orjson.dumps(body) if body is not None else None,
                headers=headers,
                timeout=Timeout(connect=min(_CONNECT_SECONDS, timeout), read=timeout),
                redirect=False,
                preload_content=False,
            )
        except HTTPError as error:
            raise ApiError(0, "Unreachable", self._unreachable(error)) from error
        if self._dated is not None and response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            # An error may be a proxy's, with a time of its own.
            self._dated(response.headers.get("Date", ""))
        if response.status == HTTPStatus.UNAUTHORIZED:
            self._authorized_until = 0.0
        if not HTTPStatus.OK <= response.status < HTTPStatus.MULTIPLE_CHOICES:
            raise _error(response.status, response.read())
        return response

    def _authorize(self) -> Mapping[str, str]:
        """The header with the token, as of some seconds ago at most.

        To look for a newer token, with the ``kubernetes`` package, costs as much as a request.
        """
        now = time.monotonic()
        if now >= self._authorized_until:
            try:
                self._authorization = self._connection.authorization()
            except OSError as error:
                raise ApiError(0, "NoToken", str(error)) from error
            self._authorized_until = now + _TOKEN_SECONDS
        return self._authorization

    def _unreachable(self, error: HTTPError) -> str:
        """Where no connection was made: the address and the reason, without the layers between."""
        reason = getattr(error, "reason", None) or error
        return f"{self._connection.host}: {reason}"


def _opener(to: Connection) -> tuple[Callable[..., BaseHTTPResponse], str]:
    """What sends a request, and what the path is added to.

    Asked itself, the manager looks for the server's connections by the address each time. Without
    TLS a proxy has to be told the whole address.
    """
    if not to.host.startswith("https:"):
        return to.manager.urlopen, to.host
    return to.manager.connection_from_url(to.host).urlopen, urlsplit(to.host).path.rstrip("/")


def line_body(event: Mapping[str, Any]) -> bytes:
    """The Status object inside an ERROR event, as a response's body would carry it."""
    return orjson.dumps(event["object"])


def _lines(response: BaseHTTPResponse) -> Iterator[bytes]:
    pending = b""
    for chunk in response.stream(amt=None, decode_content=False):
        pending += chunk
        *complete, pending = pending.split(b"\n")
        yield from filter(None, complete)
