"""A storage's provider, its block and its credentials: what belongs together."""

from collections.abc import Iterator

from stashgen.diagnostics import Finding, quote
from stashgen.kubestash.backends import BACKENDS
from stashgen.kubestash.backends.s3 import AddressingStyle, is_ip_address
from stashgen.validate import paths, pod_values, values
from stashgen.validate.values import Rule
from stashgen.validate.walk import Code, error, value_at
from stashgen.yaml.documents import Document

# What people may write in the providers' blocks.
RULES: tuple[tuple[str, Rule], ...] = (
    ("spec.backend.local.mountPath", paths.absolute),
    ("spec.backend.local.subPath", paths.sub_path),
    ("spec.backend.local.persistentVolumeClaim", pod_values.claim_source),
    ("spec.backend.local.persistentVolumeClaim.claimName", values.subdomain),
    ("spec.backend.local.nfs", pod_values.nfs_source),
    ("spec.backend.local.hostPath", pod_values.host_path_source),
    ("spec.backend.s3.bucket", values.bucket),
    ("spec.backend.s3.prefix", paths.sub_path),
    ("spec.backend.s3.region", values.region),
    ("spec.backend.s3.endpoint", values.endpoint),
)
ALTERNATIVES = (("spec.backend.local", ("persistentVolumeClaim", "nfs", "hostPath")),)
_BACKEND = ("spec", "backend")
_CREDENTIALS = ("spec", "credentials")


def backend_findings(document: Document) -> Iterator[Finding]:
    """Fields that a storage's provider requires but lacks, or cannot use."""
    provider = value_at(document, "spec.backend.provider")
    if not isinstance(provider, str) or provider not in BACKENDS:
        return  # Reported by the field's own rule.
    for block in BACKENDS:
        written = value_at(document, f"spec.backend.{block}") is not None
        if block == provider and not written:
            yield error(
                Code.MISSING_FIELD,
                document,
                _BACKEND,
                what=f"field {quote(block)} is missing",
                why=f"provider {quote(provider)} is configured in this block",
                fix=f"add {block}",
            )
        elif block != provider and written:
            yield _useless(document, (*_BACKEND, block), provider)
    has_credentials = value_at(document, "spec.credentials") is not None
    needs_credentials = bool(BACKENDS[provider].secret_keys)
    if has_credentials and not needs_credentials:
        yield _useless(document, _CREDENTIALS, provider)
    if needs_credentials and not has_credentials:
        yield error(
            Code.MISSING_FIELD,
            document,
            ("spec",),
            what='field "credentials" is missing',
            why="the pods read a bucket's keys from a mounted Secret",
            fix="add credentials: {from: Namespace, secretName: ...}",
        )
    if provider == "s3":
        yield from _nowhere(document)
        yield from _without_names(document)


def _nowhere(document: Document) -> Iterator[Finding]:
    """A bucket with neither a server nor an Amazon region."""
    block = value_at(document, "spec.backend.s3")
    if isinstance(block, dict) and block.get("endpoint") is None and block.get("region") is None:
        yield error(
            Code.MISSING_FIELD,
            document,
            (*_BACKEND, "s3"),
            what="neither endpoint nor region is set",
            why="a bucket's name alone does not say where it is",
            fix="set region for Amazon S3, or endpoint for another store",
        )


def _without_names(document: Document) -> Iterator[Finding]:
    """A bucket that is to be a host below an address that is none."""
    endpoint = value_at(document, "spec.backend.s3.endpoint")
    style = value_at(document, "spec.backend.s3.addressingStyle")
    if style == AddressingStyle.VIRTUAL and isinstance(endpoint, str) and is_ip_address(endpoint):
        yield error(
            Code.NOT_ALLOWED,
            document,
            (*_BACKEND, "s3", "addressingStyle"),
            what=f"{quote(endpoint)} has no names below it for a bucket",
            why="addressingStyle virtual sends requests to <bucket>.<endpoint>, and this endpoint "
            "is an IP address",
            fix="use the server's name as the endpoint, or remove addressingStyle",
        )


def _useless(document: Document, keys: tuple[str, ...], provider: str) -> Finding:
    return error(
        Code.NOT_ALLOWED,
        document,
        keys,
        at_key=True,
        what=f"{keys[-1]} is set, but the provider is {quote(provider)}",
        why="it would have no effect",
        fix=f"remove {keys[-1]}, or correct the provider",
    )
