"""S3 and compatible stores: where a bucket is, and how a worker reaches it."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from typing import ClassVar, Self
from urllib.parse import urlsplit

from stashgen.api import backup_storage as api
from stashgen.api.base import JsonObject
from stashgen.api.labels import ADDRESSING_STYLE_ANNOTATION, ROLE_ARN_ANNOTATION
from stashgen.diagnostics import quote
from stashgen.kubestash.backends.backend import Backend, Reach, UnsupportedStorageError
from stashgen.kubestash.layout import UnsafePathError, join
from stashgen.kubestash.paths import CREDENTIALS_PATH
from stashgen.kubestash.pods.volume_sources import secret_volume, token_volume

ACCESS_KEY = "AWS_ACCESS_KEY_ID"
SECRET_KEY = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 (a variable's name)
CA_CERTIFICATE = "CA_CERT_DATA"
# Accepted by stores without regions, and Amazon's oldest region.
DEFAULT_REGION = "us-east-1"
CREDENTIALS_VOLUME = "credentials"
# The file with the ServiceAccount's token, and for whom it is (IAM, "OIDC identity providers").
IDENTITY_FILE = "token"
AUDIENCE = "sts.amazonaws.com"
_AMAZON = ".amazonaws.com"
_AMAZON_HOSTS = (_AMAZON, f"{_AMAZON}.cn")
_ROLE = re.compile(r"arn:aws(-[a-z]+)*:iam::[0-9]{12}:role/[\w+=,.@/-]+", re.ASCII)
_PORTS = {"http": 80, "https": 443}
_WITHOUT_SECRET = "access to a bucket without a Secret is not supported yet"  # noqa: S105 (a text)


class AddressingStyle(StrEnum):
    """How a request names the bucket (Amazon S3 User Guide, "Virtual hosting of buckets").

    As a host below the endpoint's, ``<bucket>.<endpoint>``, or as the first step of the path.
    """

    VIRTUAL = "virtual"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class S3(Backend):
    """A storage in a bucket: ``s3:<endpoint>/<bucket>/<prefix>``.

    Attributes:
        addressing_style: As it is written; None leaves it to restic, which knows Amazon's servers
            and a few others by their names and uses the path for all the rest.
        role_arn: The role in place of the keys of a Secret.
    """

    url_prefix: ClassVar[str] = "s3:"
    cluster_field: ClassVar[str] = "prefix"
    secret_keys: ClassVar[tuple[str, ...]] = (ACCESS_KEY, SECRET_KEY)
    optional_secret_keys: ClassVar[tuple[str, ...]] = (CA_CERTIFICATE,)
    flag_names: ClassVar[tuple[str, ...]] = (
        "region",
        "insecure-tls",
        "connections",
        "addressing-style",
        "role-arn",
    )
    own_fields: ClassVar[Mapping[str, str]] = {"addressingStyle": ADDRESSING_STYLE_ANNOTATION}
    role_annotation: ClassVar[str | None] = ROLE_ARN_ANNOTATION

    block: api.S3Backend
    addressing_style: str | None
    role_arn: str | None = None

    @classmethod
    def of(cls, storage: api.Backend, annotations: Mapping[str, str]) -> Self | None:
        """The backend of a storage with a block ``s3``."""
        style = annotations.get(ADDRESSING_STYLE_ANNOTATION)
        role = annotations.get(ROLE_ARN_ANNOTATION)
        return cls(storage.s3, style, role) if storage.s3 is not None else None

    @property
    def role(self) -> str | None:
        """The IAM role."""
        return self.role_arn

    @property
    def claim(self) -> str | None:
        """None: it is a bucket."""
        return None

    @property
    def bucket(self) -> str | None:
        """Its name and the prefix."""
        prefix = join(self.block.prefix or "")
        return f"bucket {quote(self.block.bucket or '')}, prefix {quote(prefix)}"

    def url(self) -> str:
        """``s3:<endpoint>/<bucket>/<prefix>``."""
        try:
            path = join(self.block.bucket or "", self.block.prefix or "")
        except UnsafePathError as error:
            raise UnsupportedStorageError(str(error)) from error
        return f"{self.url_prefix}{self._endpoint}/{path}"

    def flags(self) -> Mapping[str, str]:
        """Region, trust, connections, how the bucket is named, and the role."""
        values = (
            self.block.region or "",
            "true" if self.block.insecure_tls else "",
            str(self.block.max_connections or ""),
            self.addressing_style or "",
            self.role_arn or "",
        )
        return {name: value for name, value in zip(self.flag_names, values, strict=True) if value}

    def volume(self, *, is_root: bool) -> tuple[JsonObject, JsonObject]:
        """The Secret with the keys, as files; or the token that a role is assumed with."""
        if self.role_arn is not None:
            return token_volume(CREDENTIALS_VOLUME, IDENTITY_FILE, AUDIENCE, CREDENTIALS_PATH)
        secret = self.block.secret_name
        if not secret:
            raise UnsupportedStorageError(_WITHOUT_SECRET)
        return secret_volume(CREDENTIALS_VOLUME, secret, CREDENTIALS_PATH, is_root=is_root)

    @property
    def reach(self) -> Reach:
        """A server's address is the same everywhere."""
        return Reach.EVERYWHERE

    def place(self, directory: str = "") -> str:
        """Two servers may each have a bucket of that name; the region is only the way there."""
        return self._at(join(self.block.prefix or "", directory))

    def around(self) -> Iterator[str]:
        """The prefixes above its own, up to the whole bucket."""
        above = join(self.block.prefix or "")
        while above:
            above = above.rpartition("/")[0]
            yield self._at(above)

    def _at(self, prefix: str) -> str:
        where = {"bucket": self.block.bucket or "", "endpoint": self._server, "prefix": prefix}
        return json.dumps(where, sort_keys=True)

    def rendered(self) -> JsonObject:
        """Server and region written out: nobody has to ask Amazon, or the bucket, for them."""
        block: JsonObject = {
            "endpoint": self._endpoint,
            "bucket": self.block.bucket or "",
            "prefix": join(self.block.prefix or ""),
            "region": self.block.region or DEFAULT_REGION,
        }
        if self.block.secret_name or self.role_arn is None:
            block["secretName"] = self.block.secret_name or ""
        return block | ({"insecureTLS": True} if self.block.insecure_tls else {})

    def annotations(self) -> Mapping[str, str]:
        """How the bucket is named, and the role, where they are written."""
        written = {
            ADDRESSING_STYLE_ANNOTATION: self.addressing_style,
            ROLE_ARN_ANNOTATION: self.role_arn,
        }
        return {name: value for name, value in written.items() if value is not None}

    def problems(self) -> Iterator[str]:
        """A bucket has a name and a server, and no prefix leads out of it."""
        bucket = self.block.bucket
        if not bucket:
            yield "spec.storage.s3.bucket: is required"
        elif "/" in bucket:
            yield f"spec.storage.s3.bucket: {bucket!r} has a path: it belongs in prefix"
        if not is_server(self._endpoint):
            yield (
                "spec.storage.s3.endpoint: is not the address of a server such as "
                "https://s3.example.com: a path in it would be taken for the bucket"
            )
        if (self.block.max_connections or 0) < 0:
            yield f"spec.storage.s3.maxConnections: {self.block.max_connections} is below 0"
        try:
            self.url()
        except UnsupportedStorageError as error:
            yield f"spec.storage.s3.prefix: {error}"

    def unsupported(self) -> Mapping[str, str]:
        """A worker has keys or a role."""
        has_access = self.block.secret_name or self.role_arn is not None
        return {} if has_access else {"secretName": _WITHOUT_SECRET}

    def refused_annotations(self) -> Mapping[str, str]:
        """A style is one that there is, and an address that is no name has none below it."""
        style, why = self.addressing_style, None
        if style is not None and style not in set(AddressingStyle):
            why = f"{style!r} is not one of {', '.join(AddressingStyle)}"
        elif style == AddressingStyle.VIRTUAL and is_ip_address(self._endpoint):
            why = f"{self._endpoint} is an IP address, which has no names below it"
        found = {ADDRESSING_STYLE_ANNOTATION: why, ROLE_ARN_ANNOTATION: self._why_no_role()}
        return {name: reason for name, reason in found.items() if reason is not None}

    def _why_no_role(self) -> str | None:
        if self.role_arn is None:
            return None
        if self.block.secret_name:
            return "secretName is set as well: the pods have keys or a role"
        if not is_role(self.role_arn):
            return f"{self.role_arn!r} is not the ARN of an IAM role"
        if not is_amazon(self._endpoint):
            return f"{self._endpoint} is not Amazon's: restic exchanges tokens only there"
        return None

    @property
    def _server(self) -> str:
        """The same text for the same server: its address can be written in several ways.

        A bucket's name is unique within Amazon, whatever region's address leads to it.
        """
        try:
            parts = urlsplit(self._endpoint)
            port = parts.port
        except ValueError:
            return self._endpoint
        host = (parts.hostname or "").rstrip(".")
        if host.endswith(_AMAZON):
            return f"https://s3{_AMAZON}"
        shown = f"[{host}]" if ":" in host else host
        is_usual = port in {None, _PORTS.get(parts.scheme)}
        return f"{parts.scheme}://{shown}{'' if is_usual else f':{port}'}{parts.path}"

    @property
    def _endpoint(self) -> str:
        """The server's address with its scheme; Amazon's of the region where none is written."""
        written = (self.block.endpoint or "").rstrip("/")
        if not written:
            return f"https://s3.{self.block.region or DEFAULT_REGION}.amazonaws.com"
        return written if "://" in written else f"https://{written}"


def is_server(endpoint: str) -> bool:
    """Whether an address with its scheme is that of a server, and of nothing on it."""
    try:
        parts = urlsplit(endpoint)
        is_host = bool(parts.hostname) and parts.port != 0 and not parts.netloc.endswith(":")
    except ValueError:
        return False
    rest = (parts.path.strip("/"), parts.query, parts.fragment, parts.username, parts.password)
    return parts.scheme in _PORTS and is_host and not any(rest)


def is_amazon(endpoint: str) -> bool:
    """Whether a server is Amazon's, over TLS; its security token service gives keys for those."""
    written = endpoint if "://" in endpoint else f"https://{endpoint}"
    try:
        parts = urlsplit(written)
        host = (parts.hostname or "").rstrip(".")
    except ValueError:
        return False
    return parts.scheme == "https" and host.endswith(_AMAZON_HOSTS)


def is_role(text: str) -> bool:
    """Whether a text is the ARN of an IAM role (IAM, "Identify AWS resources with ARNs")."""
    return _ROLE.fullmatch(text) is not None


def is_ip_address(endpoint: str) -> bool:
    """Whether a server's address, with its scheme, has no name."""
    try:
        ip_address(urlsplit(endpoint).hostname or "")
    except ValueError:
        return False
    return True
