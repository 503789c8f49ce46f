"""ExternalSecrets: the Secrets that External Secrets Operator creates in a namespace."""

from collections.abc import Iterable, Iterator, Mapping

from stashgen.api.base import JsonObject
from stashgen.model.manifest import secret_file
from stashgen.model.resolved import Protection
from stashgen.policy.shared import RemoteKey, SecretReference
from stashgen.policy.template import cluster_values, fill

# Its default, as the API server stores it.
_REFRESH = "1h0m0s"


def external_secrets(protection: Protection) -> Iterator[tuple[str, JsonObject]]:
    """The file and the ExternalSecret of each Secret of a volume that comes from a store."""
    namespace = protection.volume.key.namespace
    values = cluster_values(protection.cluster) | {"namespace": namespace}
    for reference in _references(protection):
        if reference.from_ == "ExternalSecret":
            data = _external_secret(namespace, reference, values)
            yield secret_file(reference.secret_name), data


def _references(protection: Protection) -> Iterable[SecretReference]:
    for session in protection.sessions:
        for copy in session.copies:
            yield copy.encryption.value
            if copy.storage.credentials is not None:
                credentials = copy.storage.credentials.value
                yield from filter(None, (credentials.secret, credentials.of_retention))


def _external_secret(
    namespace: str, reference: SecretReference, values: Mapping[str, str]
) -> JsonObject:
    """The ExternalSecret with every default explicit (external-secrets.io/v1).

    It does not own the Secret (``Orphan``), and what is gone from the store stays in the cluster
    (``Retain``): neither a commit nor a store may take away the key of the only copies.
    """
    store = reference.store
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": reference.secret_name, "namespace": namespace},
        "spec": {
            "refreshInterval": _REFRESH,
            "secretStoreRef": store.to_wire() if store is not None else {},
            "target": {
                "name": reference.secret_name,
                "creationPolicy": "Orphan",
                "deletionPolicy": "Retain",
            },
            "data": [
                {"secretKey": key, "remoteRef": _remote(remote, values)}
                for key, remote in sorted((reference.data or {}).items())
            ],
        },
    }


def _remote(remote: RemoteKey, values: Mapping[str, str]) -> JsonObject:
    return {
        **{field: fill(str(text), values) for field, text in remote.to_wire().items()},
        "conversionStrategy": "Default",
        "decodingStrategy": "None",
        "metadataPolicy": "None",
    }
