"""The embedded API server: HTTP on the loopback address, one thread a connection.

The contract suite runs against this server and against the real kube-apiserver. There is no
authentication and no authorisation here: what RBAC and admission refuse is proved elsewhere.
"""

import contextlib
import json
import logging
import socket
import socketserver
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Event, Lock, Thread
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import orjson
from pydantic import JsonValue

from stashgen.api.base import JsonObject, format_time, parse_time
from stashgen_controller.embedded.apiserver import discovery, paths
from stashgen_controller.embedded.apiserver.deletion import DeleteOptions
from stashgen_controller.embedded.apiserver.errors import (
    StatusError,
    bad_request,
    details,
    method_not_allowed,
    unsupported_media_type,
)
from stashgen_controller.embedded.apiserver.formats import Form, show, show_list
from stashgen_controller.embedded.apiserver.listing import select
from stashgen_controller.embedded.apiserver.rest import Api, Target
from stashgen_controller.embedded.apiserver.store import Store
from stashgen_controller.embedded.apiserver.watching import Watch
from stashgen_controller.kube.clock import MovableClock

log = logging.getLogger(__name__)

APPLY_PATCH = "application/apply-patch+yaml"
_MAX_BODY = 3 * 1024 * 1024
# So much of a body that is too large is still read, so that the client reads our answer.
_MAX_READ = 16 * 1024 * 1024
# kubectl's generators (create secret, create configmap, ...) send protobuf.
_JSON_ONLY = (
    "application/json (with kubectl: create ... --dry-run=client -o yaml | kubectl apply -f -)"
)
_BODY_TYPES = frozenset({"", "application/json"})
# How long a stop waits for the answers under way.
_LAST_ANSWERS_SECONDS = 5.0

# As socketserver types what it accepted.
_Request = socket.socket | tuple[bytes, socket.socket]


class _HttpServer(ThreadingHTTPServer):
    """A thread a connection; both end with the client's side, or with ``stop``."""

    daemon_threads = True
    # A controller opens a connection a kind at once; what does not fit waits a second or three.
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], handler: type[socketserver.BaseRequestHandler]
    ) -> None:
        super().__init__(address, handler)
        self._open: set[_Request] = set()
        self._closed = Condition()

    def process_request(self, request: _Request, client_address: object) -> None:
        with self._closed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: _Request) -> None:
        super().shutdown_request(request)
        with self._closed:
            self._open.discard(request)
            self._closed.notify_all()

    def close_connections(self) -> None:
        """Let answers under way be sent, and no further request be read."""
        for how in (socket.SHUT_RD, socket.SHUT_RDWR):
            with self._closed:
                for connection in self._open:
                    _shut_down(cast("socket.socket", connection), how)
                self._closed.wait_for(lambda: not self._open, _LAST_ANSWERS_SECONDS)


class EmbeddedServer:
    """An API server that lives in this process."""

    def __init__(self, clock: MovableClock, port: int = 0) -> None:
        self.clock = clock
        self.api = Api(Store(), clock)
        self.requests: Counter[tuple[str, str]] = Counter()
        self.stopping = Event()
        self._count_lock = Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = _HttpServer(("127.0.0.1", port), handler)
        self._thread = Thread(target=self._accept, name="api-server", daemon=True)

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def start(self) -> None:
        """Begin to serve; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End all watches and connections and stop serving; none of our threads is left."""
        self.stopping.set()
        self.api.store.wake_watchers()
        _shut_down(self._http.socket, socket.SHUT_RDWR)
        self._thread.join()
        self._http.close_connections()
        self._http.server_close()

    def _accept(self) -> None:
        """Serve without a poll interval: shutting the socket down ends the wait for the next."""
        while not self.stopping.is_set():
            self._http.handle_request()

    def count(self, verb: str, resource: str) -> None:
        """Remember a request, for tests that have a budget."""
        with self._count_lock:
            self.requests[verb, resource] += 1

    def write_kubeconfig(self, path: Path) -> None:
        """Write a kubeconfig with which kubectl finds this server."""
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "embedded", "cluster": {"server": self.url}}],
            "users": [{"name": "embedded", "user": {}}],
            "contexts": [
                {"name": "embedded", "context": {"cluster": "embedded", "user": "embedded"}}
            ],
            "current-context": "embedded",
        }
        path.write_text(json.dumps(config, indent=2), encoding="utf-8")


class _Handler(BaseHTTPRequestHandler):
    owner: EmbeddedServer
    protocol_version = "HTTP/1.1"
    # Headers and body in one packet: otherwise Nagle and delayed ACKs cost 40 ms a request.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def do_PATCH(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The Date of an answer, by the cluster's clock, which may have been moved."""
        now = self.owner.clock.now().timestamp() if timestamp is None else timestamp
        return super().date_time_string(now)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Silent: the caller sees every answer."""

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no HTTP, or a verb that there is not, with a Status object too."""
        del explain
        if code == HTTPStatus.NOT_IMPLEMENTED:
            error = method_not_allowed()
        else:
            error = StatusError(code, "BadRequest", message or HTTPStatus(code).phrase)
        self.close_connection = True
        self._answer(error.body, error.code)

    def _serve(self) -> None:
        self._unread = True
        try:
            self._dispatch()
        except StatusError as error:
            self._refuse(error)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        except Exception:
            log.exception("request failed", extra={"method": self.command, "path": self.path})
            self.close_connection = True
            self._refuse(StatusError(500, "InternalError", "an error on the server; see its log"))

    def _refuse(self, error: StatusError) -> None:
        try:
            self._body()
        except StatusError as worse:
            error = worse
        self._answer(error.body, error.code)

    def _dispatch(self) -> None:
        if not (self.headers.get("Content-Length") or "0").isdecimal():
            self._unread, self.close_connection = False, True
            raise bad_request("the length of the body is no number")
        url = urlsplit(self.path)
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        parts = paths.split(url.path)
        if self._serve_own(url.path, parts):
            return
        self._serve_resource(paths.target(self.owner.api, parts), query)

    def _serve_own(self, path: str, parts: list[str]) -> bool:
        """What is not a resource: health, discovery, OpenAPI and the clock."""
        served = self.owner.api.served()
        answer: JsonObject | None = None
        match parts:
            case ["healthz" | "readyz" | "livez"]:
                self._send(b"ok", "text/plain", 200)
                return True
            case ["version"]:
                answer = discovery.VERSION
            case ["api"]:
                answer = {"kind": "APIVersions", "versions": ["v1"]}
            case ["apis"]:
                answer = discovery.groups(served)
            case ["apis", group]:
                answer = discovery.group(served, group)
            case ["api", version]:
                answer = discovery.resources(served, version)
            case ["apis", group, version]:
                answer = discovery.resources(served, f"{group}/{version}")
            case ["openapi", "v3"]:
                answer = discovery.openapi_root(served)
            case ["openapi", "v3", *_]:
                answer = discovery.openapi_document(served, path.removeprefix("/openapi/v3/"))
            case ["clock"]:
                answer = self._clock()
            case _:
                pass
        if answer is None:
            return False
        self._answer(answer, 200)
        return True

    def _clock(self) -> JsonObject:
        clock = self.owner.clock
        if self.command == "PUT":
            body = self._object()
            try:
                if "now" in body:
                    clock.advance(parse_time(str(body["now"])) - clock.now())
                else:
                    clock.advance(timedelta(seconds=float(str(body.get("advanceSeconds", 0)))))
            except (OverflowError, ValueError) as error:
                raise bad_request(str(error)) from error
        return {"now": format_time(clock.now())}

    def _serve_resource(self, target: Target, query: Mapping[str, str]) -> None:
        api, plural = self.owner.api, target.served.resource.plural
        match self.command, bool(target.name):
            case "GET", True:
                self.owner.count("get", plural)
                self._show(target, api.get(target))
            case "GET", False if query.get("watch", "false") not in {"false", "0"}:
                self.owner.count("watch", plural)
                self._watch(target, query)
            case "GET", False:
                self.owner.count("list", plural)
                self._list(target, query)
            case "POST", False if bool(target.namespace) == target.served.resource.namespaced:
                self.owner.count("create", plural)
                self._check_body_type()
                created = api.create(target, self._object(), query, self._manager(query))
                self._show(target, created, 201)
            case "PUT", True:
                self.owner.count("update", plural)
                self._check_body_type()
                body = self._object()
                self._show(target, api.replace(target, body, query, self._manager(query)))
            case "PATCH", True:
                self.owner.count("patch", plural)
                self._patch(target, query)
            case "DELETE", True if not target.subresource:
                self.owner.count("delete", plural)
                self._delete(target, DeleteOptions.read(self._json(), query))
            case "DELETE", False:
                self.owner.count("deletecollection", plural)
                self._delete_all(target, query)
            case _:
                raise method_not_allowed()

    def _patch(self, target: Target, query: Mapping[str, str]) -> None:
        content_type = self.headers.get("Content-Type", "").partition(";")[0]
        manager = self._manager(query)
        if content_type == APPLY_PATCH:
            if not query.get("fieldManager"):
                raise bad_request("fieldManager is required for apply patch")
            applied, is_new = self.owner.api.apply(target, self._object(), query, manager)
            self._show(target, applied, 201 if is_new else 200)
            return
        patched = self.owner.api.patch(target, content_type, self._json(), query, manager)
        self._show(target, patched)

    def _delete(self, target: Target, options: DeleteOptions) -> None:
        obj, is_gone = self.owner.api.delete(target, options)
        if not is_gone or target.served.resource.kind == "Pod":
            self._show(target, obj)
            return
        resource, metadata = target.served.resource, cast("JsonObject", obj["metadata"])
        described = details(resource.plural, resource.group, str(metadata["name"]))
        status: JsonObject = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Success",
            "details": described | {"uid": metadata["uid"]},
        }
        self._answer(status, 200)

    def _delete_all(self, target: Target, query: Mapping[str, str]) -> None:
        options = DeleteOptions.read(self._json(), query)
        page = select(self.owner.api.store, target.served, target.namespace, query)
        for item in page.items:
            metadata = cast("Mapping[str, str]", item["metadata"])
            one = Target(target.served, metadata.get("namespace", ""), metadata["name"], "")
            self.owner.api.delete(one, options)
        form = Form.asked_for(self.headers.get("Accept", ""))
        now = self.owner.clock.now()
        self._answer(show_list(form, target.served, page.items, page.metadata, now), 200)

    def _list(self, target: Target, query: Mapping[str, str]) -> None:
        page = select(self.owner.api.store, target.served, target.namespace, query)
        form = Form.asked_for(self.headers.get("Accept", ""))
        now = self.owner.clock.now()
        self._answer(show_list(form, target.served, page.items, page.metadata, now), 200)

    def _watch(self, target: Target, query: Mapping[str, str]) -> None:
        watch = Watch(self.owner.api.store, target.served, target.namespace, query)
        watch.check()
        form = Form.asked_for(self.headers.get("Accept", ""))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        for event in watch.events(self.owner.stopping.is_set):
            if event is None:
                self.wfile.flush()
                if self._is_client_gone() and not self.owner.stopping.is_set():
                    return
                continue
            type_, obj = event
            if type_ not in {"ERROR", "BOOKMARK"}:
                obj = show(form, target.served, obj, self.owner.clock.now())
            line = orjson.dumps({"type": type_, "object": obj}) + b"\n"
            self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _is_client_gone(self) -> bool:
        """Whether the client closed the connection: a watch writes too seldom to notice."""
        try:
            return not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False

    def _manager(self, query: Mapping[str, str]) -> str:
        """Who writes: what the request says, else the program that sent it."""
        agent = self.headers.get("User-Agent", "").partition("/")[0]
        return query.get("fieldManager") or agent or "unknown"

    def _show(self, target: Target, obj: JsonObject, code: int = 200) -> None:
        form = Form.asked_for(self.headers.get("Accept", ""))
        self._answer(show(form, target.served, obj, self.owner.clock.now()), code)

    def _check_body_type(self) -> None:
        if self.headers.get("Content-Type", "").partition(";")[0] not in _BODY_TYPES:
            raise unsupported_media_type(_JSON_ONLY)

    def _object(self) -> JsonObject:
        body = self._json()
        if not isinstance(body, dict):
            raise bad_request("the object provided is unrecognized: it is no JSON object")
        return body

    def _json(self) -> JsonValue:
        data = self._body()
        if not data:
            return None
        try:
            loaded: JsonValue = orjson.loads(data)
        except ValueError as error:
            raise bad_request(f"json parse error: {error}") from error
        return loaded

    def _body(self) -> bytes:
        """The request's body, read once: a rest of it would be taken for the next request."""
        if not self._unread:
            return b""
        self._unread = False
        text = self.headers.get("Content-Length") or "0"
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            raise StatusError(411, "LengthRequired", "the length of the body must be given")
        length = int(text)
        if length > _MAX_BODY:
            self.close_connection = True
            self.rfile.read(min(length, _MAX_READ))
            message = f"Request entity too large: limit is {_MAX_BODY}"
            raise StatusError(413, "RequestEntityTooLarge", message)
        return self.rfile.read(length) if length else b""

    def _answer(self, body: JsonObject, code: int) -> None:
        self._send(orjson.dumps(body), "application/json", code)

    def _send(self, data: bytes, content_type: str, code: int) -> None:
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
        self.wfile.flush()


def _shut_down(connection: socket.socket, how: int) -> None:
    # Closed by the other side meanwhile.
    with contextlib.suppress(OSError):
        connection.shutdown(how)
