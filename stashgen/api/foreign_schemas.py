"""Strict JSON Schemas of rendered objects whose kinds are other projects': what we render of them.

Sources: ``kustomize.toolkit.fluxcd.io/v1`` of Flux' kustomize-controller,
``external-secrets.io/v1`` of External Secrets Operator, kustomize's ``api/types``. Fields that a
build never writes are refused, so these schemas are for the output, not for other objects of these
kinds.
"""

from collections.abc import Mapping
from typing import cast

from stashgen.api.base import JsonObject

_TEXT: JsonObject = {"type": "string", "minLength": 1}
_TRUTH: JsonObject = {"type": "boolean"}
# Flux' own pattern of intervals and timeouts.
_DURATION: JsonObject = {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$"}


def foreign_schemas(metadata: JsonObject) -> Mapping[tuple[str, str, str], JsonObject]:
    """The schemas by group, kind and version.

    Args:
        metadata: The schema of an object's metadata in a cluster.
    """
    return {
        # No CRD of a cluster: kubectl, Argo CD and Flux read it.
        ("kustomize.config.k8s.io", "Kustomization", "v1beta1"): _object(
            {"apiVersion": _TEXT, "kind": _TEXT, "resources": _list(_TEXT)}
        ),
        ("kustomize.toolkit.fluxcd.io", "Kustomization", "v1"): _in_cluster(
            metadata, _flux_kustomization()
        ),
        ("external-secrets.io", "ExternalSecret", "v1"): _in_cluster(metadata, _external_secret()),
    }


def _flux_kustomization() -> JsonObject:
    return _object(
        {
            "sourceRef": _object({"kind": _one_of("GitRepository"), "name": _TEXT}),
            "path": _TEXT,
            "interval": _DURATION,
            "retryInterval": _DURATION,
            "timeout": _DURATION,
            "prune": _TRUTH,
            "wait": _TRUTH,
        },
        {"dependsOn": _list(_object({"name": _TEXT}))},
    )


def _external_secret() -> JsonObject:
    remote = _object(
        {
            "key": _TEXT,
            "conversionStrategy": _one_of("Default"),
            "decodingStrategy": _one_of("None"),
            "metadataPolicy": _one_of("None"),
        },
        {"property": _TEXT, "version": _TEXT},
    )
    return _object(
        {
            "refreshInterval": _DURATION,
            "secretStoreRef": _object(
                {"kind": _one_of("SecretStore", "ClusterSecretStore"), "name": _TEXT}
            ),
            "target": _object(
                {
                    "name": _TEXT,
                    "creationPolicy": _one_of("Orphan"),
                    "deletionPolicy": _one_of("Retain"),
                }
            ),
            "data": _list(_object({"secretKey": _TEXT, "remoteRef": remote})),
        }
    )


def _in_cluster(metadata: JsonObject, spec: JsonObject) -> JsonObject:
    return _object({"apiVersion": _TEXT, "kind": _TEXT, "metadata": metadata, "spec": spec})


def _object(
    required: Mapping[str, JsonObject], optional: Mapping[str, JsonObject] | None = None
) -> JsonObject:
    found: dict[str, object] = {
        "type": "object",
        "additionalProperties": False,
        "required": [*required],
        "properties": {**required, **(optional or {})},
    }
    return cast("JsonObject", found)


def _list(items: JsonObject) -> JsonObject:
    return {"type": "array", "minItems": 1, "items": items}


def _one_of(*values: str) -> JsonObject:
    return {"enum": [*values]}
