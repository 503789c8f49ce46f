"""S3 and compatible stores: where a bucket is, and what a worker has to know to reach it."""

from stashgen.api.backup_storage import S3Backend
from stashgen.kubestash.layout import join

ACCESS_KEY = "AWS_ACCESS_KEY_ID"
SECRET_KEY = "AWS_SECRET_ACCESS_KEY"  # noqa: S105 (a variable's name)
CA_CERTIFICATE = "CA_CERT_DATA"
URL_PREFIX = "s3:"
# What a store without regions takes, and Amazon's oldest.
DEFAULT_REGION = "us-east-1"


def endpoint(backend: S3Backend) -> str:
    """The server's address with its scheme; Amazon's of the region where none is written."""
    written = (backend.endpoint or "").rstrip("/")
    if not written:
        return f"https://s3.{backend.region or DEFAULT_REGION}.amazonaws.com"
    return written if "://" in written else f"https://{written}"


def url(backend: S3Backend) -> str:
    """The storage as restic spells it: ``s3:<endpoint>/<bucket>/<prefix>``.

    Raises:
        UnsafePathError: when the prefix has a step ``.`` or ``..``.
    """
    path = join(backend.bucket or "", backend.prefix or "")
    return f"{URL_PREFIX}{endpoint(backend)}/{path}"


def flags(backend: S3Backend) -> dict[str, str]:
    """The worker's flags beside the address, without those that say nothing."""
    found = {
        "region": backend.region or "",
        "insecure-tls": "true" if backend.insecure_tls else "",
        "connections": str(backend.max_connections or ""),
    }
    return {name: value for name, value in found.items() if value}
