"""A real S3 server (versitygw) on a folder, with TLS by an authority of its own, and its users.

Buckets are hosts below ``s3.corp.test``, too; nothing resolves that but a proxy of a test.
"""

import hashlib
import hmac
import http.client
import json
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from stashgen_controller.worker.storage.s3_access import Credentials
from tests.support.ports import free_ports

BUCKET = "corp-backup"
DOMAIN = "s3.corp.test"
WRITER = ("writer", "the-writers-secret")
READER = ("reader", "the-readers-secret")
_ADMINISTRATOR = ("administrator", "the-administrators-secret")
_START_SECONDS = 120.0
LOOPBACK = "127.0.0.1"
# Amazon's names, to which only a proxy of a test leads; restic asks the dual-stack server.
REGION = "us-east-1"
AMAZON = f"s3.{REGION}.amazonaws.com"
AMAZON_DUAL_STACK = f"s3.dualstack.{REGION}.amazonaws.com"
AMAZON_TOKENS = f"sts.{REGION}.amazonaws.com"


class Gateway:
    """The server; buckets are folders below ``data``, objects files in them."""

    def __init__(self, folder: Path, address: str = LOOPBACK) -> None:
        program = shutil.which("versitygw")
        assert program is not None, "versitygw is not on PATH"
        self._program = program
        self._folder = folder
        self.certificate_folder = folder
        for name in ("data", "metadata", "users", "other"):
            (folder / name).mkdir()
        self.data = folder / "data"
        self.authority = make_authority(folder)
        self.other_authority = make_authority(folder / "other")
        make_server_certificate(folder, address)
        self._address = address
        (self.port,) = free_ports(1, address)
        self.url = f"https://{address}:{self.port}"
        self._prefixes = 0
        self._users: set[str] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it answers."""
        access, secret = _ADMINISTRATOR
        folder = self._folder
        tls = [f"--cert={folder / 'server.crt'}", f"--key={folder / 'server.key'}"]
        with (folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(self._program, f"--access={access}", f"--secret={secret}", *tls),
                    *(f"--port={self._address}:{self.port}", f"--iam-dir={folder / 'users'}"),
                    f"--virtual-domain={DOMAIN}",
                    *("posix", f"--sidecar={folder / 'metadata'}", str(self.data)),
                ],
                stdout=log,
                stderr=log,
            )
        end = time.monotonic() + _START_SECONDS
        while not self._answers():
            assert self._process.poll() is None, (folder / "log").read_text(encoding="utf-8")
            assert time.monotonic() < end, "the S3 server does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        """End the server; its data stays."""
        if self._process is not None:
            # One that a failed test left paused would not hear that it is to end.
            self.resume()
            self._process.terminate()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """Have it answer nothing more, without ending a connection; ``resume`` goes on."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have it answer again, also what came meanwhile."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "the S3 server does not run"
        self._process.send_signal(number)

    def make_users_and_bucket(self) -> None:
        """One bucket, of the writer; the reader may read it."""
        for user in (WRITER, READER):
            self.make_user(user)
        owner, reader = f"--owner={WRITER[0]}", f"--grant-read={READER[0]}"
        ownership = "--object-ownership=BucketOwnerPreferred"
        self._administer("create-bucket", f"--bucket={BUCKET}", owner, reader, ownership)

    def make_user(self, user: tuple[str, str]) -> None:
        """A user with these keys, who may do nothing yet; one that is there stays as it is."""
        access, secret = user
        if access not in self._users:
            self._users.add(access)
            self._administer(
                "create-user", f"--access={access}", f"--secret={secret}", "--role=user"
            )

    def make_bucket(self, bucket: str, statements: Sequence[Mapping[str, object]]) -> None:
        """Another bucket of the writer's, and what others may do in it (Amazon S3, policies)."""
        if not (self.data / bucket).exists():
            self._administer("create-bucket", f"--bucket={bucket}", f"--owner={WRITER[0]}")
        body = json.dumps({"Version": "2012-10-17", "Statement": statements}).encode()
        host = f"{self._address}:{self.port}"
        headers = _signed(_ADMINISTRATOR, "PUT", host, f"/{bucket}", "policy=", body)
        context = ssl.create_default_context(cafile=str(self.authority))
        connection = http.client.HTTPSConnection(host, context=context)
        connection.request("PUT", f"/{bucket}?policy=", body, headers)
        answer = connection.getresponse()
        assert answer.status in {200, 204}, answer.read()
        connection.close()

    def next_prefix(self) -> None:
        """Go on below another prefix, where no test has been yet."""
        self._prefixes += 1

    @property
    def prefix(self) -> str:
        """Of the storage; there is nothing below it before a test."""
        return f"dem1/backups-{self._prefixes}"

    @property
    def storage(self) -> str:
        """The address of the storage in the bucket."""
        return f"s3:{self.url}/{BUCKET}/{self.prefix}"

    @property
    def files(self) -> Path:
        """Where the storage's objects are."""
        return self.data / BUCKET / self.prefix

    def credentials(self, user: tuple[str, str] = WRITER) -> Credentials:
        """A user's keys, and who signed the server's certificate."""
        return Credentials(*user, self.authority)

    def secret(self, user: tuple[str, str] = WRITER) -> dict[str, bytes]:
        """The same as the keys of a Secret."""
        return {
            "AWS_ACCESS_KEY_ID": user[0].encode(),
            "AWS_SECRET_ACCESS_KEY": user[1].encode(),
            "CA_CERT_DATA": self.authority.read_bytes(),
        }

    def _answers(self) -> bool:
        try:
            socket.create_connection((self._address, self.port), 1).close()
        except OSError:
            return False
        return True

    def _administer(self, *args: str) -> None:
        access, secret = _ADMINISTRATOR
        keys = [f"--access={access}", f"--secret={secret}"]
        at = [f"--endpoint-url={self.url}", "--allow-insecure"]
        run([self._program, "admin", *keys, *at, *args])


def _signed(
    user: tuple[str, str], method: str, host: str, path: str, query: str, body: bytes
) -> dict[str, str]:
    """The headers of a request with Amazon's signature (Signature Version 4)."""
    now = datetime.now(UTC)
    date, digest = now.strftime("%Y%m%d"), hashlib.sha256(body).hexdigest()
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": host, "x-amz-content-sha256": digest, "x-amz-date": stamp}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"{method}\n{path}\n{query}\n{lines}\n{names}\n{digest}"
    scope = f"{date}/us-east-1/s3/aws4_request"
    digest_of_request = hashlib.sha256(request.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest_of_request}"
    key = f"AWS4{user[1]}".encode()
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    authorization = f"AWS4-HMAC-SHA256 Credential={user[0]}/{scope}, SignedHeaders={names}"
    return headers | {"authorization": f"{authorization}, Signature={key.hex()}"}


def make_authority(folder: Path) -> Path:
    """A certificate authority; returns its certificate."""
    subject = f"/CN=authority {folder.name}"
    _openssl(folder, "req", "-x509", "-subj", subject, *("-keyout", "ca.key", "-out", "ca.crt"))
    return folder / "ca.crt"


def make_server_certificate(folder: Path, address: str = LOOPBACK) -> None:
    """``server.crt`` and ``server.key`` for this machine, by the folder's authority."""
    hosts = ("localhost", DOMAIN, f"*.{DOMAIN}", AMAZON, AMAZON_DUAL_STACK, AMAZON_TOKENS)
    names = f"subjectAltName={','.join(f'DNS:{host}' for host in hosts)},IP:{address}"
    by = ("-CA", "ca.crt", "-CAkey", "ca.key", "-addext", names)
    leaf = ("-addext", "basicConstraints=critical,CA:FALSE")
    out = ("-keyout", "server.key", "-out", "server.crt")
    _openssl(folder, "req", "-x509", "-subj", "/CN=server", *by, *leaf, *out)


def _openssl(folder: Path, *args: str) -> None:
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30")
    run(["openssl", args[0], *key, *args[1:]], folder)


def run(command: Sequence[str], folder: Path | None = None) -> None:
    """Run a program to its good end."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@dataclass(frozen=True, slots=True)
class SecretFolder:
    """A Secret as the kubelet mounts it."""

    folder: Path

    def write(self, keys: dict[str, bytes]) -> None:
        """Have these keys in it and no others."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for name, value in keys.items():
            (self.folder / name).write_bytes(value)
