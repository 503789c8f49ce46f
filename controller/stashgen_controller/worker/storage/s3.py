"""A bucket of S3 or of a compatible store, with obstore behind fsspec's interface.

obstore's own fsspec classes are not used: they drop the mode ``create`` of a write and the times
of a listing, and their event loop makes some processes abort at exit (obstore 0.12, exit code 134
after the work was done).
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeVar

from fsspec import AbstractFileSystem
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import MemoryStore, S3Store

from stashgen.kubestash import layout
from stashgen.kubestash.backends import s3
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.storage.base import (
    RefusedError,
    ResticAccess,
    Storage,
    StorageError,
)
from stashgen_controller.worker.storage.s3_access import (
    NO_ADDRESS,
    Access,
    Role,
    proxy_of,
    read_credentials,
)

_ADDRESS = re.compile(r"s3:(?P<endpoint>https?://[^/]+)/(?P<bucket>[^/]+)(/(?P<prefix>.*))?")
# restic's names for them.
_BUCKET_LOOKUP = {s3.AddressingStyle.VIRTUAL: "dns", s3.AddressingStyle.PATH: "path"}
_NOT_IN_ADDRESS = re.compile(r"[%?#]")
# XML, and obstore's own words for the deletion of several objects, of which it makes one of one.
_CODE = re.compile(r"<Code>([^<]*)</Code>|\(code: ([A-Za-z]+)\)")
_MESSAGE = re.compile(r"<Message>([^<]*)</Message>")
_STATUS = re.compile(r"status code: ([0-9]{3})")
# The innermost cause of a request that got no response, in Rust's words for people who debug.
_CAUSE = re.compile(r'message: "([^"]+)"|error: "([^"]+)"|InvalidCertificate\(\s*(\w+)')
_BY_CODE = {
    "AccessDenied": ErrorClass.ACCESS_DENIED,
    "NoSuchBucket": ErrorClass.NO_BUCKET,
    "InvalidBucketName": ErrorClass.NO_BUCKET,
    "QuotaExceeded": ErrorClass.NO_SPACE,
    "XMinioStorageFull": ErrorClass.NO_SPACE,
    "NotImplemented": ErrorClass.INVALID_BUCKET,
}
_BY_STATUS = {
    "401": ErrorClass.ACCESS_DENIED,
    "403": ErrorClass.ACCESS_DENIED,
    "507": ErrorClass.NO_SPACE,
}
# A server that restarts is waited for; one that is away is for the next attempt.
_RETRIES = 6
_RETRY_SECONDS = 30
# obstore's own 5 s are less than the TLS of a server may take that many workers ask at once, and
# a create-only write is not repeated after them.
_CONNECT_LIMIT = timedelta(seconds=30)
_Answer = TypeVar("_Answer")


def open_storage(url: str, flags: Mapping[str, str], credentials: Path) -> Storage:
    """The storage in a bucket, with the keys or the token that are mounted.

    Raises:
        StorageError: the keys are not there, or it is no bucket's address.
    """
    connections, style = flags.get("connections"), flags.get("addressing-style")
    role = flags.get("role-arn")
    return S3Bucket(
        url,
        read_credentials(credentials)
        if role is None
        else Role(role, credentials / s3.IDENTITY_FILE),
        region=flags.get("region"),
        insecure_tls=flags.get("insecure-tls") == "true",
        connections=int(connections) if connections is not None else None,
        addressing_style=s3.AddressingStyle(style) if style is not None else None,
    )


def _below(endpoint: str, bucket: str) -> str:
    """The bucket's own host."""
    scheme, _, host = endpoint.partition("://")
    return f"{scheme}://{bucket}.{host}"


class S3Bucket(Storage):
    """A storage in a bucket: ``s3:<endpoint>/<bucket>/<prefix>``."""

    has_own_clock = True

    def __init__(
        self,
        address: str,
        access: Access,
        *,
        region: str | None,
        insecure_tls: bool,
        connections: int | None,
        addressing_style: s3.AddressingStyle | None = None,
    ) -> None:
        match = _ADDRESS.fullmatch(address)
        if match is None:
            raise StorageError(ErrorClass.INTERNAL, f"{address} is not a bucket address")
        self._server = f"s3:{match['endpoint']}/{match['bucket']}"
        environment = dict(access.environment(region))
        if region is not None:
            environment["AWS_DEFAULT_REGION"] = region
        flags = ["--insecure-tls"] if insecure_tls else []
        if access.ca_file is not None:
            flags += ["--cacert", str(access.ca_file)]
        if connections is not None:
            flags += ["--option", f"s3.connections={connections}"]
        if addressing_style is not None:
            flags += ["--option", f"s3.bucket-lookup={_BUCKET_LOOKUP[addressing_style]}"]
        self.access = ResticAccess(environment, flags)
        is_virtual = addressing_style is s3.AddressingStyle.VIRTUAL
        # The host that both ask, which is what a proxy's rules are about.
        endpoint = _below(match["endpoint"], match["bucket"]) if is_virtual else match["endpoint"]
        proxy = proxy_of(endpoint, *access.servers(region))
        try:
            store = S3Store(
                match["bucket"],
                endpoint=endpoint,
                virtual_hosted_style_request=is_virtual,
                region=region or s3.DEFAULT_REGION,
                client_options={
                    "allow_http": True,
                    "allow_invalid_certificates": insecure_tls,
                    "connect_timeout": _CONNECT_LIMIT,
                    "proxy_url": proxy.url,
                    "proxy_excludes": proxy.excludes,
                    "root_certificate": access.authority,
                }
                if access.authority
                else {
                    "allow_http": True,
                    "allow_invalid_certificates": insecure_tls,
                    "connect_timeout": _CONNECT_LIMIT,
                    "proxy_url": proxy.url,
                    "proxy_excludes": proxy.excludes,
                },
                **access.options(region),
                retry_config={
                    "max_retries": _RETRIES,
                    "retry_timeout": timedelta(seconds=_RETRY_SECONDS),
                },
            )
        except (BaseError, ValueError) as error:
            # Its text could have the proxy's password.
            raise StorageError(ErrorClass.UNAVAILABLE, NO_ADDRESS) from error
        self._objects = ObjectFileSystem(store)
        super().__init__(self._objects, layout.join(match["prefix"] or ""))

    def address(self, relative: str) -> str:
        """With the server and the bucket; restic reads it as a URL."""
        path = layout.join(self._path(relative))
        if _NOT_IN_ADDRESS.search(path):
            msg = f"{path!r} contains %, ? or #, which an address cannot contain"
            raise layout.UnsafePathError(msg)
        return f"{self._server}/{path}"

    def require(self) -> None:
        """Ask for the storage's metadata: there are any, or the keys let us see that not."""
        self.read(layout.METADATA)

    def _put(self, target: str, data: bytes) -> None:
        self._objects.pipe_file(target, data)

    def _put_new(self, target: str, data: bytes) -> None:
        self._objects.pipe_file(target, data, mode="create")


class ObjectFileSystem(AbstractFileSystem):
    """An object store as fsspec sees one: the part of it that a storage needs."""

    cachable = False

    def __init__(self, store: S3Store | MemoryStore) -> None:
        super().__init__()
        self._store = store

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: object
    ) -> bytes:
        """An object's bytes; with ``end`` no more of them are fetched."""

        def fetch() -> bytes:
            found = self._store.get(path)
            size = found.meta["size"]
            if end is not None and size > end:
                return bytes(self._store.get_range(path, start=start or 0, end=end))
            return bytes(found.bytes())[start:]

        return _asked(fetch)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: object) -> None:
        """Write an object; with mode ``create`` only if there is none (``If-None-Match: *``).

        Raises:
            FileExistsError: there is one.
        """
        put_mode: Literal["create", "overwrite"] = "create" if mode == "create" else "overwrite"
        _asked(lambda: self._store.put(path, value, mode=put_mode))

    def ls(self, path: str, **_: object) -> list[dict[str, object]]:
        """The objects directly below a prefix, always in detail."""
        found = _asked(lambda: self._store.list_with_delimiter(path))
        return [
            {
                "name": item["path"],
                "type": "file",
                "size": item["size"],
                "mtime": item["last_modified"].timestamp(),
            }
            for item in found["objects"]
        ]

    def rm_file(self, path: str) -> None:
        """Delete an object; that there is none is no error to a store."""
        _asked(lambda: self._store.delete(path))


def _asked(request: Callable[[], _Answer]) -> _Answer:
    """Ask the store; what it refuses is an OSError, as fsspec has it.

    Raises:
        FileNotFoundError, FileExistsError, RefusedError: its answer, or that there is none.
    """
    try:
        return request()
    except AlreadyExistsError as error:
        raise FileExistsError(str(error)) from error
    except FileNotFoundError as error:
        if "<Code>NoSuchBucket<" in str(error):
            raise refusal(error) from error
        raise
    except BaseError as error:
        raise refusal(error) from error


def refusal(error: Exception) -> RefusedError:
    """What a store refused, in its own words; without an answer, what became of the request."""
    text = str(error)
    code = _found(_CODE, text)
    reason = _BY_CODE.get(code) or _BY_STATUS.get(_found(_STATUS, text), ErrorClass.UNAVAILABLE)
    request = text.partition("\n")[0].rstrip() or "no response"
    if code:
        return RefusedError(reason, f"{code}: {_found(_MESSAGE, text) or request}")
    return RefusedError(reason, f"{request}: {_found(_CAUSE, text)}".rstrip(": "))


def _found(pattern: re.Pattern[str], text: str) -> str:
    """What the last match has in brackets; empty where there is none."""
    matches = list(pattern.finditer(text))
    return next(filter(None, matches[-1].groups()), "") if matches else ""
