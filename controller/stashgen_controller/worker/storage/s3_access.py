"""Who a worker is to a bucket: the keys of a Secret, or a role; and which proxy leads there."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, TypedDict
from urllib.parse import urlsplit

from stashgen.kubestash.backends import s3
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.storage.base import StorageError
from stashgen_controller.worker.storage.proxy import proxy_for

NO_ADDRESS = "the endpoint or the proxy is no valid address"
_PROXY_SCHEMES = frozenset({"http", "https"})
# In the cloud's own log of requests (AssumeRoleWithWebIdentity, RoleSessionName).
_SESSION = "stashgen"


class StoreOptions(TypedDict, total=False):
    """The options of obstore that say who we are."""

    access_key_id: str
    secret_access_key: str
    role_arn: str
    web_identity_token_file: str
    role_session_name: str
    endpoint_url_sts: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys of a bucket.

    Attributes:
        ca_file: The authority that signed the server's certificate; None for the system's.
    """

    access_key: str
    secret_key: str = field(repr=False)
    ca_file: Path | None

    def environment(self, region: str | None) -> Mapping[str, str]:
        """The variables for restic."""
        del region
        return {s3.ACCESS_KEY: self.access_key, s3.SECRET_KEY: self.secret_key}

    def options(self, region: str | None) -> StoreOptions:
        """The options of obstore."""
        del region
        return {"access_key_id": self.access_key, "secret_access_key": self.secret_key}

    def servers(self, region: str | None) -> tuple[str, ...]:
        """None besides the bucket's."""
        del region
        return ()

    @property
    def authority(self) -> bytes:
        """What is in the file; empty without one."""
        return self.ca_file.read_bytes() if self.ca_file is not None else b""


@dataclass(frozen=True, slots=True)
class Role:
    """A role, assumed with the token of the pod's ServiceAccount.

    restic and obstore exchange the token by themselves, again before the keys expire: a backup may
    take longer than they are valid.
    """

    ca_file: ClassVar[Path | None] = None
    authority: ClassVar[bytes] = b""

    arn: str
    token_file: Path

    def environment(self, region: str | None) -> Mapping[str, str]:
        """The variables for restic, whose token service is that of ``AWS_REGION``."""
        return {
            "AWS_ROLE_ARN": self.arn,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(self.token_file),
            "AWS_ROLE_SESSION_NAME": _SESSION,
            "AWS_REGION": region or s3.DEFAULT_REGION,
        }

    def options(self, region: str | None) -> StoreOptions:
        """The options of obstore, for the same token service."""
        return {
            "role_arn": self.arn,
            "web_identity_token_file": str(self.token_file),
            "role_session_name": _SESSION,
            "endpoint_url_sts": _token_service(region),
        }

    def servers(self, region: str | None) -> tuple[str, ...]:
        """The token service."""
        return (_token_service(region),)


Access = Credentials | Role


def _token_service(region: str | None) -> str:
    """The address that restic asks (minio-go, ``credentials.IAM``)."""
    known = region or s3.DEFAULT_REGION
    return f"https://sts.{known}.amazonaws.com{'.cn' if known.startswith('cn-') else ''}"


def read_credentials(folder: Path) -> Credentials:
    """Read the keys from the mounted Secret, which has KubeStash's names for them.

    Raises:
        StorageError: SecretMissing, when one is not there.
    """
    ca_file = folder / s3.CA_CERTIFICATE
    found = Credentials(
        _key(folder, s3.ACCESS_KEY),
        _key(folder, s3.SECRET_KEY),
        ca_file if ca_file.is_file() else None,
    )
    if found.ca_file is not None and b"-----BEGIN CERTIFICATE-----" not in found.authority:
        raise _missing(f"has no certificate in {s3.CA_CERTIFICATE}")
    return found


def _key(folder: Path, name: str) -> str:
    what = f"does not exist or has no key {name}"
    try:
        value = (folder / name).read_text(encoding="ascii").strip()
        if value:
            return value
        what = f"has an empty {name}"
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError) as error:
        what = f"has no readable {name}: {error}"
    raise _missing(what)


def _missing(what: str) -> StorageError:
    return StorageError(ErrorClass.SECRET_MISSING, f"the Secret with the storage's keys {what}")


@dataclass(frozen=True, slots=True)
class Proxy:
    """What obstore is told of proxies; without an address it would look for one by itself."""

    url: str
    excludes: str


def proxy_of(*servers: str) -> Proxy:
    """The proxy that restic will use for servers; those that it asks directly are excluded.

    Raises:
        StorageError: an address is none, or obstore does not speak the proxy's protocol.
    """
    try:
        found = {server: proxy_for(server, os.environ) for server in servers}
    except ValueError as error:
        raise StorageError(ErrorClass.UNAVAILABLE, NO_ADDRESS) from error
    url = next(filter(None, found.values()), None)
    scheme = url.partition("://")[0] if url is not None else "http"
    if scheme not in _PROXY_SCHEMES:
        msg = f"a proxy by {scheme} is not supported: HTTP_PROXY, HTTPS_PROXY take http and https"
        raise StorageError(ErrorClass.UNAVAILABLE, msg)
    direct = (urlsplit(server).hostname or "" for server, proxy in found.items() if proxy is None)
    return Proxy(url or "http://localhost", ",".join(direct))
