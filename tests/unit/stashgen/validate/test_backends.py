"""A storage's provider, its block and its credentials."""

import pytest

from tests.support.documents import POLICY, STORAGE, findings_of

_START = STORAGE.index("  backend:")
_S3 = "{provider: s3, s3: {bucket: corp-backup, region: eu-1}}"
_KEYS = "{from: Namespace, secretName: keys}"


def _findings(backend: str, credentials: str | None = _KEYS) -> list[tuple[str, str]]:
    text = f"{STORAGE[:_START]}  backend: {backend}\n"
    if credentials is not None:
        text += f"  credentials: {credentials}\n"
    found = findings_of(text, POLICY)
    return [(code, subject.removeprefix("Storage/local ")) for code, subject in found]


@pytest.mark.parametrize(
    ("backend", "credentials", "found"),
    [
        ("{provider: s3}", _KEYS, [("SG202", "spec.backend")]),
        ("{provider: local}", None, [("SG202", "spec.backend")]),
        (_S3, None, [("SG202", "spec")]),
        ("{provider: s3, s3: {bucket: corp-backup}}", _KEYS, [("SG202", "spec.backend.s3")]),
        (
            _S3[:-1] + ", local: {nfs: {server: a, path: /}}}",
            _KEYS,
            [("SG205", "spec.backend.local")],
        ),
        (
            "{provider: local, local: {nfs: {server: a, path: /}}}",
            _KEYS,
            [("SG205", "spec.credentials")],
        ),
        (_S3, "{from: Storage, secretName: keys}", [("SG204", "spec.credentials.from")]),
        (_S3, "{secretName: keys}", [("SG202", "spec.credentials")]),
        (_S3, "{from: Namespace}", [("SG202", "spec.credentials")]),
        (_S3, "{from: Namespace, secretName: Keys}", [("SG206", "spec.credentials.secretName")]),
        (_S3, _KEYS[:-1] + ", perVerb: {}}", [("SG202", "spec.credentials.perVerb")]),
        (
            _S3,
            _KEYS[:-1] + ", perVerb: {backup: more}}",
            [("SG202", "spec.credentials.perVerb"), ("SG201", "spec.credentials.perVerb.backup")],
        ),
        (
            _S3,
            _KEYS[:-1] + ", perVerb: {retain: Keys}}",
            [("SG206", "spec.credentials.perVerb.retain")],
        ),
        ("{provider: gcs, gcs: {bucket: b}}", _KEYS,
         [("SG204", "spec.backend.provider"), ("SG204", "spec.backend.gcs")]),
        ("{provider: S3}", _KEYS, [("SG205", "spec.backend.provider")]),
        (
            "{provider: s3, s3: {bucket: corp-backup, region: eu-1, prefix: shared}}",
            _KEYS,
            [("SG212", "spec.backend.s3.prefix")],
        ),
        (
            "{provider: s3, s3: {bucket: corp-backup, region: eu-1, maxConnections: 5}}",
            _KEYS,
            [("SG201", "spec.backend.s3.maxConnections")],
        ),
        (
            "{provider: s3, s3: {bucket: corp-backup, region: x, addressingStyle: dns}}",
            _KEYS,
            [("SG205", "spec.backend.s3.addressingStyle")],
        ),
        (
            "{provider: s3, s3: {bucket: abc, endpoint: 'http://[::1]', addressingStyle: virtual}}",
            _KEYS,
            [("SG205", "spec.backend.s3.addressingStyle")],
        ),
    ],
)  # fmt: skip
def test_what_does_not_belong_together_is_told(
    backend: str, credentials: str | None, found: list[tuple[str, str]]
) -> None:
    assert _findings(backend, credentials) == found


@pytest.mark.parametrize(
    "bucket",
    [
        "bucket: corp-backup, region: eu-1",
        "bucket: corp-backup, endpoint: 'https://minio:9000'",
        "bucket: corp-backup, region: x, endpoint: 'http://minio', insecureTLS: true",
        "bucket: corp-backup, region: eu-1, prefix: 'a/{{ cluster.id }}/b'",
        "bucket: corp-backup, endpoint: 'https://minio', addressingStyle: virtual",
        "bucket: corp-backup, endpoint: 'http://192.0.2.1:9000', addressingStyle: path",
    ],
)
def test_a_bucket_with_a_region_or_a_server_is_enough(bucket: str) -> None:
    assert _findings(f"{{provider: s3, s3: {{{bucket}}}}}") == []
