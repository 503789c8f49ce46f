"""KubeStash's own types of which we only pass on what others wrote (KubeStash API, v1alpha1).

The manifests of databases and the statistics of their drivers are for KubeStash's own addons. The
notation is that of ``kubernetes_shapes``.
"""

from collections.abc import Mapping

from stashgen.api.kubernetes_shapes import SHAPES as KUBERNETES

_VOLUME_SOURCE = {name: kind for name, kind in KUBERNETES["Volume"].items() if name != "name"}
_SECRET = {"authSecret": "boolean", "authSecretName": "string"}
_MANIFEST = _SECRET | {"db": "boolean", "dbName": "string", "restoreNamespace": "string"}
_CONFIG = {"configSecret": "boolean", "configSecretName": "string"}
_ISSUER = {"tlsIssuerRef": "TypedLocalObjectReference"}
_ARCHIVED = _ISSUER | {
    "archiver": "boolean",
    "archiverRef": "NamespacedReference",
    "initScript": "boolean",
}

SHAPES: Mapping[str, Mapping[str, str]] = {
    "VolumeSource": _VOLUME_SOURCE,
    "AddonVolumeSource": _VOLUME_SOURCE | {"volumeClaimTemplate": "PersistentVolumeClaimTemplate"},
    "NamespacedReference": {"name": "string!", "namespace": "string"},
    "DatabaseManifest": _MANIFEST | _CONFIG | _ARCHIVED,
    "DruidManifest": _MANIFEST | _CONFIG | {"deepStorageSecret": "boolean"},
    "MsSqlServerManifest": _MANIFEST | _ARCHIVED,
    "RedisSentinelManifest": _SECRET
    | _ISSUER
    | {"SentinelName": "string", "restoreNamespace": "string", "sentinel": "boolean"},
    "ClickHouseStats": {
        "finishTime": "time",
        "host": "string",
        "id": "string",
        "startTime": "time",
        "status": "string",
    },
    "LogStats": {
        "end": "string",
        "lastFailedStats": "[]LogRun",
        "lastLogRetentionStats": "[]LogRetentionRun",
        "lastSucceededStats": "[]LogRun",
        "lsn": "string",
        "start": "string",
        "totalFailedCount": "integer",
        "totalSucceededCount": "integer",
    },
    "LogRun": {"end": "string", "error": "string", "start": "string"},
    "LogRetentionRun": {
        "deletedLogCount": "integer",
        "error": "string",
        "lastExecutionTime": "string",
        "retentionPeriodApplied": "string",
    },
    "MedusaStats": {
        "backupName": "string",
        "backupNodes": "[]string",
        "finishTime": "string",
        "startTime": "string",
        "status": "string",
    },
    "Neo4jStats": {
        "compressed": "boolean",
        "database": "string",
        "databaseID": "string",
        "file": "string",
        "full": "boolean",
        "highestTX": "integer",
        "lowestTX": "integer",
        "recovered": "boolean",
        "storeIDHash": "string",
        "time": "string",
    },
    "SolrStats": {
        "backupId": "integer",
        "backupName": "string",
        "collection": "string",
        "indexFileCount": "integer",
        "indexSizeMB": "number",
        "location": "string",
        "startTime": "string",
        "uploadedIndexFileMB": "number",
    },
    "WalGStats": {
        "databases": "[]string",
        "id": "string",
        "startTime": "time",
        "stopTime": "time",
    },
}
