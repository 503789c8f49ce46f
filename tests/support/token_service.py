"""A security token service as Amazon's answers (STS API reference, AssumeRoleWithWebIdentity).

It gives those whom a role trusts the keys of a user of the S3 server, which belong to no session:
that is an empty token. Nothing checks a signature, because the embedded cluster signs no tokens.
"""

import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypedDict
from urllib.parse import parse_qsl, urlsplit

# Header, claims, signature.
_PARTS = 3
AUDIENCE = "sts.amazonaws.com"
_ANSWER = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>{access}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
<SessionToken></SessionToken><Expiration>{until}</Expiration>
</Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"""
_REFUSAL = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>
<Code>AccessDenied</Code>
<Message>Not authorized to perform sts:AssumeRoleWithWebIdentity</Message>
</Error></ErrorResponse>"""


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom a role trusts, and the user of the S3 server that it is."""

    subject: str
    user: tuple[str, str]


@dataclass(slots=True)
class TokenService:
    """The service, on a port of this machine.

    Attributes:
        trusts: By the ARN of the role.
        assumed: Role and subject of what was granted, in order.
    """

    port: int
    trusts: Mapping[str, Trust]
    assumed: list[tuple[str, str]] = field(default_factory=list)

    def answer(self, request: Mapping[str, str]) -> tuple[int, str]:
        """Status and document."""
        role = request.get("RoleArn", "")
        claims = _claims(request.get("WebIdentityToken", ""))
        trust = self.trusts.get(role)
        is_valid = AUDIENCE in claims["aud"] and claims["exp"] > time.time()
        is_known = request.get("Action") == "AssumeRoleWithWebIdentity" and trust is not None
        if trust is None or not is_known or not is_valid or claims["sub"] != trust.subject:
            return 403, _REFUSAL
        self.assumed.append((role, trust.subject))
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
        access, secret = trust.user
        return 200, _ANSWER.format(access=access, secret=secret, until=until)


def token(subject: str) -> str:
    """An account's token, as the embedded kubelet projects it."""
    claims = {"aud": [AUDIENCE], "exp": int(time.time()) + 3600, "sub": subject}
    parts = (json.dumps(part).encode() for part in ({"alg": "none"}, claims))
    return b".".join((*map(base64.urlsafe_b64encode, parts), b"")).decode()


@contextmanager
def token_service(folder: Path, trusts: Mapping[str, Trust]) -> Iterator[TokenService]:
    """Serve until the end of the block.

    Args:
        folder: With ``server.crt`` and ``server.key``.
        trusts: By the ARN of the role.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = self.rfile.read(length).decode()
            query = urlsplit(self.path).query
            status, document = service.answer(dict((*parse_qsl(query), *parse_qsl(body))))
            data = document.encode()
            self.send_response(status)
            self.send_header("content-type", "text/xml")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.crt", folder / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    service = TokenService(server.server_address[1], trusts)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()


class _Claims(TypedDict):
    aud: list[str]
    exp: int
    sub: str


def _claims(token: str) -> _Claims:
    parts = token.split(".")
    if len(parts) != _PARTS:
        return {"aud": [], "exp": 0, "sub": ""}
    found: _Claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    return found
