"""The embedded API server: HTTP on the loopback address, one thread a connection.

The contract suite runs against this server and against the real kube-apiserver. There is no
authentication and no authorisation here: what RBAC and admission refuse is proved elsewhere.
"""

import json
from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Lock, Thread
from typing import cast
from urllib.parse import parse_qsl, urlsplit

import orjson
from pydantic import JsonValue

from stashgen.api.base import JsonObject, format_time, parse_time
from stashgen_controller.clock import MovableClock
from stashgen_controller.embedded import discovery
from stashgen_controller.embedded.errors import StatusError, bad_request, method_not_allowed
from stashgen_controller.embedded.rest import Api, Target, predicate
from stashgen_controller.embedded.selectors import Predicate
from stashgen_controller.embedded.store import Change, Store
from stashgen_controller.embedded.tables import table

_DEFAULT_WATCH_SECONDS = 1800
_BOOKMARK_SECONDS = 10.0
_GROUP_PATH, _RESOURCE_PARTS = 2, 3


class EmbeddedServer:
    """An API server that lives in this process."""

    def __init__(self, clock: MovableClock, port: int = 0) -> None:
        self.clock = clock
        self.api = Api(Store(), clock)
        self.requests: Counter[tuple[str, str]] = Counter()
        self.stopping = Event()
        self._count_lock = Lock()
        handler = type("Handler", (_Handler,), {"owner": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._http.daemon_threads = True
        self._thread = Thread(target=self._http.serve_forever, name="api-server", daemon=True)

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://127.0.0.1:{self._http.server_port}"

    def start(self) -> None:
        """Begin to serve; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End all watches and stop serving."""
        self.stopping.set()
        self._http.shutdown()
        self._http.server_close()

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

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Silent: the caller sees every answer."""

    def _serve(self) -> None:
        try:
            url = urlsplit(self.path)
            query = dict(parse_qsl(url.query, keep_blank_values=True))
            parts = [part for part in url.path.split("/") if part]
            if self._serve_own(url.path, parts):
                return
            self._serve_resource(_target(self.owner.api, parts), query)
        except StatusError as error:
            self._body()
            self._answer(error.body, error.code)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

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
        if answer is None:
            return False
        self._answer(answer, 200)
        return True

    def _clock(self) -> JsonObject:
        clock = self.owner.clock
        if self.command == "PUT":
            body = cast("Mapping[str, JsonValue]", self._json() or {})
            try:
                if "now" in body:
                    clock.advance(parse_time(str(body["now"])) - clock.now())
                else:
                    clock.advance(timedelta(seconds=float(str(body.get("advanceSeconds", 0)))))
            except ValueError as error:
                raise bad_request(str(error)) from error
        return {"now": format_time(clock.now())}

    def _serve_resource(self, target: Target, query: Mapping[str, str]) -> None:
        api, plural = self.owner.api, target.served.resource.plural
        if target.subresource not in {"", "status"}:
            raise method_not_allowed()
        match self.command, bool(target.name):
            case "GET", True:
                self.owner.count("get", plural)
                self._show(target, api.get(target))
            case "GET", False if query.get("watch") in {"true", "1"}:
                self.owner.count("watch", plural)
                self._watch(target, query)
            case "GET", False:
                self.owner.count("list", plural)
                self._list(target, query)
            case "POST", False:
                self.owner.count("create", plural)
                self._show(target, api.create(target, self._object(), query), 201)
            case "PUT", True:
                self.owner.count("update", plural)
                self._show(target, api.replace(target, self._object(), query))
            case "PATCH", True:
                self.owner.count("patch", plural)
                content_type = self.headers.get("Content-Type", "").partition(";")[0]
                self._show(target, api.patch(target, content_type, self._json(), query))
            case "DELETE", True:
                self.owner.count("delete", plural)
                options = cast("Mapping[str, object]", self._json() or {})
                self._show(target, api.delete(target, dict(options) | _options(query)))
            case "DELETE", False:
                self.owner.count("deletecollection", plural)
                self._json()
                items, _ = api.select(target, query)
                for item in items:
                    metadata = cast("Mapping[str, str]", item["metadata"])
                    one = Target(target.served, metadata.get("namespace", ""), metadata["name"], "")
                    api.delete(one, {})
                self._answer({"kind": "Status", "apiVersion": "v1", "status": "Success"}, 200)
            case _:
                raise method_not_allowed()

    def _list(self, target: Target, query: Mapping[str, str]) -> None:
        items, version = self.owner.api.select(target, query)
        metadata: JsonObject = {"resourceVersion": str(version)}
        start = int(query.get("continue") or 0)
        limit = int(query.get("limit") or 0)
        rest = items[start:]
        if limit and len(rest) > limit:
            metadata["continue"] = str(start + limit)
            metadata["remainingItemCount"] = len(rest) - limit
            rest = rest[:limit]
        if self._wants_table():
            shown = table(target.served, rest, str(version), self.owner.clock.now())
            self._answer(shown | {"metadata": metadata}, 200)
            return
        resource = target.served.resource
        body: JsonObject = {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": metadata,
            "items": cast("JsonValue", rest),
        }
        self._answer(body, 200)

    def _watch(self, target: Target, query: Mapping[str, str]) -> None:
        matches = predicate(query)
        store = self.owner.api.store
        given = query.get("resourceVersion") or "0"
        initial: list[JsonObject] = []
        since = int(given)
        if since == 0:
            initial, since = self.owner.api.select(target, query)
        deadline = float(query.get("timeoutSeconds") or _DEFAULT_WATCH_SECONDS)
        store.changes(target.served.key, since, 0)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for item in initial:
            self._event("ADDED", target, item)
        self.wfile.flush()
        waited, quiet = 0.0, 0.0
        while waited < deadline and not self.owner.stopping.is_set():
            step = min(1.0, deadline - waited)
            before = store.version
            try:
                changes = store.changes(target.served.key, since, step)
            except StatusError as error:
                self._chunk({"type": "ERROR", "object": error.body})
                break
            if changes is None:
                if before == since:
                    waited, quiet = waited + step, quiet + step
                since = max(since, before)
                if quiet >= _BOOKMARK_SECONDS and query.get("allowWatchBookmarks") == "true":
                    quiet = 0.0
                    self._bookmark(target, since)
                continue
            for change in changes:
                since = change.version
                self._change(target, change, matches)
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _change(self, target: Target, change: Change, matches: Predicate) -> None:
        """Show a change as the selector sees it: what leaves it is deleted for the watcher."""
        metadata = cast("Mapping[str, str]", change.object["metadata"])
        if target.namespace and metadata.get("namespace") != target.namespace:
            return
        after = change.type != "DELETED" and matches(change.object)
        before = change.previous is not None and matches(change.previous)
        match before, after:
            case False, True:
                self._event("ADDED", target, change.object)
            case True, True:
                self._event("MODIFIED", target, change.object)
            case True, False:
                self._event("DELETED", target, change.object)
            case _:
                pass

    def _event(self, type_: str, target: Target, obj: JsonObject) -> None:
        if self._wants_table():
            version = str(cast("Mapping[str, str]", obj["metadata"])["resourceVersion"])
            obj = table(target.served, [obj], version, self.owner.clock.now())
        self._chunk({"type": type_, "object": obj})

    def _bookmark(self, target: Target, version: int) -> None:
        resource = target.served.resource
        obj: JsonObject = {
            "kind": resource.kind,
            "apiVersion": resource.api_version,
            "metadata": {"resourceVersion": str(version)},
        }
        self._chunk({"type": "BOOKMARK", "object": obj})
        self.wfile.flush()

    def _chunk(self, value: JsonObject) -> None:
        line = orjson.dumps(value) + b"\n"
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def _show(self, target: Target, obj: JsonObject, code: int = 200) -> None:
        if self._wants_table():
            version = str(cast("Mapping[str, str]", obj["metadata"])["resourceVersion"])
            obj = table(target.served, [obj], version, self.owner.clock.now())
        self._answer(obj, code)

    def _wants_table(self) -> bool:
        return "as=Table" in self.headers.get("Accept", "").partition(",")[0]

    def _object(self) -> JsonObject:
        body = self._json()
        if not isinstance(body, dict):
            raise bad_request("the body is not an object")
        return body

    def _body(self) -> bytes:
        """The request's body, read once: a rest of it would be taken for the next request."""
        length = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(length) if length else b""
        del self.headers["Content-Length"]
        return data

    def _json(self) -> JsonValue:
        data = self._body()
        if not data:
            return None
        try:
            loaded: JsonValue = orjson.loads(data)
        except ValueError as error:
            raise bad_request(f"the body is not JSON: {error}") from error
        return loaded

    def _answer(self, body: JsonObject, code: int) -> None:
        self._send(orjson.dumps(body), "application/json", code)

    def _send(self, data: bytes, content_type: str, code: int) -> None:
        self.send_response(code)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()


def _options(query: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    if "propagationPolicy" in query:
        found["propagationPolicy"] = query["propagationPolicy"]
    if "gracePeriodSeconds" in query:
        found["gracePeriodSeconds"] = int(query["gracePeriodSeconds"])
    return found


def _target(api: Api, parts: list[str]) -> Target:
    """What a path means (Kubernetes API concepts, "Resource URIs")."""
    match parts:
        case ["api", version, *rest]:
            group = ""
        case ["apis", group, version, *rest]:
            pass
        case _:
            raise StatusError(404, "NotFound", "the server could not find the requested resource")
    namespace = ""
    if (
        len(rest) >= _RESOURCE_PARTS
        and rest[0] == "namespaces"
        and rest[2]
        not in {
            "status",
            "finalize",
        }
    ):
        namespace, rest = rest[1], rest[2:]
    if not rest:
        raise StatusError(404, "NotFound", "the server could not find the requested resource")
    served = api.find(group, version, rest[0])
    name = rest[1] if len(rest) > 1 else ""
    subresource = rest[2] if len(rest) > _GROUP_PATH else ""
    return Target(served, namespace, name, subresource)
