"""A git server that speaks smart HTTP, as the servers do that Argo CD reads from."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.support.http_server import served

_HEADERS = {
    "CONTENT_TYPE": "Content-Type",
    "HTTP_CONTENT_ENCODING": "Content-Encoding",
    "GIT_PROTOCOL": "Git-Protocol",
}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve the bare repositories below a folder, read-only; the URL of the folder."""

    class Handler(BaseHTTPRequestHandler):
        """One request, answered by git's own CGI program (git-http-backend(1))."""

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

        def log_message(self, *_: object) -> None:
            """A test's output is not the place for it."""

        def _answer(self, body: bytes) -> None:
            path, _, query = self.path.partition("?")
            done = subprocess.run(
                ["git", "http-backend"],
                input=body,
                env=os.environ
                | {name: self.headers.get(header, "") for name, header in _HEADERS.items()}
                | {
                    "GIT_PROJECT_ROOT": str(folder),
                    "GIT_HTTP_EXPORT_ALL": "1",
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "REQUEST_METHOD": self.command,
                    "REMOTE_ADDR": self.client_address[0],
                },
                stdout=subprocess.PIPE,
                check=True,
            )
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
            self.send_response(int(fields.pop("Status", "200 OK").split()[0]))
            for name, value in fields.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

    with served(Handler) as address:
        yield address
