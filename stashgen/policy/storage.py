"""Storage: where copies go; compiled to one BackupStorage in each cluster."""

from typing import Literal

from stashgen.api.base import JsonObject, Model
from stashgen.policy.shared import Job, Metadata


class LocalBackend(Model):
    """A volume as storage; ``subPath`` must contain the cluster's id."""

    mount_path: str = "/kubestash-backend"
    sub_path: str = "{{ cluster.id }}"
    persistent_volume_claim: JsonObject | None = None
    nfs: JsonObject | None = None
    host_path: JsonObject | None = None


class Backend(Model):
    """The provider and its block; only ``local`` is supported yet."""

    provider: Literal["local"]
    local: LocalBackend


class StorageSpec(Model):
    """Where it is and how its own Job runs."""

    namespace: str
    backend: Backend
    job: Job | None = None


class Storage(Model):
    """Where copies go."""

    api_version: Literal["stashgen.dev/v1alpha1"]
    kind: Literal["Storage"]
    metadata: Metadata
    spec: StorageSpec
