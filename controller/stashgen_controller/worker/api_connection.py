"""HTTP to the API server; a module of its own, since to import it takes longer than a request."""

import json
import ssl
import time
import urllib.error
import urllib.request
from http import HTTPStatus
from http.client import HTTPException

from stashgen.api.base import JsonObject
from stashgen_controller.worker.api_client import ApiRefusedError
from stashgen_controller.worker.environment import Environment

_TIMEOUT = 5.0
_ATTEMPTS = 3
_PAUSE = 0.2


class ApiConnection:
    """Sends requests with the pod's token, and never through a proxy: that is the storage's."""

    def __init__(self, url: str, environment: Environment) -> None:
        self._url = url
        self._environment = environment
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if url.startswith("https://"):
            ca_file = environment.ca_file
            context = ssl.create_default_context(cafile=str(ca_file) if ca_file.exists() else None)
            handlers.append(urllib.request.HTTPSHandler(context=context))
        self._opener = urllib.request.build_opener(*handlers)

    def ask(self, method: str, path: str, body: bytes | None, content_type: str) -> JsonObject:
        """Send a request, again if the server could not answer it.

        Raises:
            ApiRefusedError: it answers no, or not at all.
        """
        headers = {"Content-Type": content_type, "Accept": "application/json"}
        # Read for each request: the kubelet renews it.
        if self._environment.token_file.exists():
            token = self._environment.token_file.read_text(encoding="utf-8").strip()
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(  # noqa: S310 - the address is the pod's own
            self._url + path, method=method, headers=headers, data=body
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
