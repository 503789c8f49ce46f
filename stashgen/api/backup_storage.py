"""BackupStorage: where repositories live (storage.kubestash.com/v1alpha1)."""

from typing import ClassVar, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from stashgen.api.base import Bool, Int, JsonObject, Model
from stashgen.api.meta import Kind
from stashgen.api.resources import BACKUP_STORAGES, Resource
from stashgen.api.runtime_settings import RuntimeSettings
from stashgen.api.shapes import KEY, EmptyDirVolumeSource
from stashgen.api.shared import Condition, DeletionPolicy, Executor, UsagePolicy


class ClaimSource(Model):
    """A claim as the source of a volume."""

    claim_name: str
    read_only: Bool | None = None


class HostPathSource(Model):
    """A folder of the node as the source of a volume."""

    path: str
    type: str | None = None


class NfsSource(Model):
    """An NFS export as the source of a volume."""

    server: str
    path: str
    read_only: Bool | None = None


class LocalReference(Model):
    """An object of a known kind in the same namespace."""

    name: str | None = None


class CsiSource(Model):
    """A volume that a CSI driver makes for one pod."""

    driver: str
    read_only: Bool | None = None
    fs_type: str | None = None
    volume_attributes: dict[str, str] | None = None
    node_publish_secret_ref: LocalReference | None = None


# The shape whose fields a LocalBackend has besides its own.
INLINE = "VolumeSource"


class LocalBackend(Model):
    """A volume as the backend: any Kubernetes VolumeSource inline, and where it is mounted.

    The documented sources have fields of their own, so that a rule can compare them; others pass
    through as they are.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="allow",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        json_schema_extra={KEY: INLINE},
    )

    mount_path: str | None = None
    sub_path: str | None = None
    max_connections: Int | None = None
    persistent_volume_claim: ClaimSource | None = None
    host_path: HostPathSource | None = None
    nfs: NfsSource | None = None
    empty_dir: EmptyDirVolumeSource | None = None
    csi: CsiSource | None = None

    @property
    def volume_source(self) -> JsonObject:
        """Only the VolumeSource, as a pod's volume has it beside its name."""
        own = {"mountPath", "subPath", "maxConnections"}
        return {key: value for key, value in self.to_wire().items() if key not in own}


class S3Backend(Model):
    """S3 and compatible object stores."""

    endpoint: str | None = None
    bucket: str | None = None
    prefix: str | None = None
    region: str | None = None
    secret_name: str | None = None
    max_connections: Int | None = None
    insecure_tls: Bool | None = Field(default=None, alias="insecureTLS")


class GcsBackend(Model):
    """Google Cloud Storage."""

    bucket: str | None = None
    prefix: str | None = None
    secret_name: str | None = None
    max_connections: Int | None = None


class AzureBackend(Model):
    """Azure Blob Storage."""

    storage_account: str | None = None
    container: str | None = None
    prefix: str | None = None
    secret_name: str | None = None
    max_connections: Int | None = None


class Backend(Model):
    """The provider and its block; ``provider`` is not an enum in KubeStash's schema."""

    provider: str | None = None
    local: LocalBackend | None = None
    s3: S3Backend | None = None
    gcs: GcsBackend | None = None
    azure: AzureBackend | None = None

    @property
    def block(self) -> Model | None:
        """The provider's own block; None where it is missing or KubeStash has no such provider."""
        found = dict(self).get(self.provider or "")
        return found if isinstance(found, Model) else None


# The blocks of a storage's providers.
PROVIDERS = tuple(name for name in Backend.model_fields if name != "provider")


class BackupStorageSpec(Model):
    """What a user wants."""

    storage: Backend | None = None
    usage_policy: UsagePolicy | None = None
    default: Bool | None = None
    deletion_policy: DeletionPolicy | None = Field(
        default=None, json_schema_extra={"default": "Delete"}
    )
    runtime_settings: RuntimeSettings | None = None


class BackupStorageRepository(Model):
    """A repository in the storage."""

    name: str | None = None
    namespace: str | None = None
    path: str | None = None
    size: str | None = None
    synced: Bool | None = None
    error: str | None = None


class BackupStorageStatus(Model):
    """What the controller saw."""

    phase: str | None = Field(default=None, json_schema_extra={"enum": ["Ready", "NotReady"]})
    total_size: str | None = None
    repositories: tuple[BackupStorageRepository, ...] | None = None
    conditions: tuple[Condition, ...] = ()
    executor: Executor | None = None


class BackupStorage(Kind):
    """Where repositories live."""

    resource: ClassVar[Resource] = BACKUP_STORAGES
    api_version: Literal["storage.kubestash.com/v1alpha1"] = "storage.kubestash.com/v1alpha1"
    kind: Literal["BackupStorage"] = "BackupStorage"
    spec: BackupStorageSpec = BackupStorageSpec()
    status: BackupStorageStatus | None = None
