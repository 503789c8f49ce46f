"""Storage: where copies go; compiled to one BackupStorage in each cluster, or in each namespace."""

from typing import Literal

from pydantic import Field

from stashgen.api.base import Bool, JsonObject, Model
from stashgen.policy.selectors import Selector
from stashgen.policy.shared import Job, Metadata, RemoteKey, SecretReference, SecretStore


class LocalBackend(Model):
    """A volume as storage; ``subPath`` must contain the cluster's id."""

    mount_path: str = "/kubestash-backend"
    sub_path: str = "{{ cluster.id }}"
    persistent_volume_claim: JsonObject | None = None
    nfs: JsonObject | None = None
    host_path: JsonObject | None = None


class S3Backend(Model):
    """A bucket of S3 or of a compatible store; ``prefix`` must contain the cluster's id.

    Without ``endpoint`` it is Amazon's endpoint of the region. With ``addressingStyle`` requests go
    to ``<bucket>.<endpoint>``, or name the bucket in the path; KubeStash has no field for it.
    """

    bucket: str
    prefix: str = "{{ cluster.id }}"
    region: str | None = None
    endpoint: str | None = None
    insecure_tls: Bool = Field(default=False, alias="insecureTLS")
    addressing_style: Literal["virtual", "path"] | None = None


class Backend(Model):
    """The provider and its block."""

    provider: Literal["local", "s3"]
    local: LocalBackend | None = None
    s3: S3Backend | None = None

    @property
    def block(self) -> Model | None:
        """The provider's own block; None where it is missing, which validation reports."""
        found = dict(self).get(self.provider)
        return found if isinstance(found, Model) else None


class PerVerb(Model):
    """Secrets with other keys for some pods.

    Attributes:
        retain: Of the pods of retention and upkeep, which delete backups. Those that back up and
            restore delete locks and a probe of ours (``.stashgen/create-only``), nothing else. With
            ``WorkloadIdentity`` it is a role.
        data: What an ExternalSecret reads for it, by the key in the Secret.
    """

    retain: str
    data: dict[str, RemoteKey] | None = None


class Credentials(Model):
    """How the pods reach the storage: with a Secret that they mount, or with a role.

    The Secret's keys are KubeStash's: ``AWS_ACCESS_KEY_ID``, ``AWS_SECRET_ACCESS_KEY`` and, for a
    private certificate authority, ``CA_CERT_DATA``.

    Attributes:
        from_: ``WorkloadIdentity``: no Secret; the pods exchange the token of their ServiceAccount
            for keys of a role that expire.
        secret_name, store, data: Of the Secret, as of any other.
        role_arn: The role. The names of cluster and namespace are replaced.
        per_verb: Secrets of the same namespace and source, or roles, in the place of this one.
    """

    from_: Literal["Namespace", "ExternalSecret", "WorkloadIdentity"] = Field(alias="from")
    secret_name: str | None = None
    store: SecretStore | None = None
    data: dict[str, RemoteKey] | None = None
    role_arn: str | None = Field(default=None, alias="roleARN")
    per_verb: PerVerb | None = None

    @property
    def secret(self) -> SecretReference | None:
        """The Secret of the pods; None for a role."""
        return self._secret(self.secret_name, self.data)

    @property
    def of_retention(self) -> SecretReference | None:
        """The Secret of the pods of retention and upkeep, if it is another one."""
        return self._secret(self.per_verb.retain, self.per_verb.data) if self.per_verb else None

    def _secret(
        self, name: str | None, data: dict[str, RemoteKey] | None
    ) -> SecretReference | None:
        if self.from_ == "WorkloadIdentity" or name is None:
            return None
        named = {"from": self.from_, "secretName": name, "store": self.store, "data": data}
        return SecretReference.model_validate(named)


class StorageFacts(Model):
    """What nothing else says of a storage, for the rules of Guardrails: nobody verifies it.

    Attributes:
        region: Where it is, in the place of the backend's region.
        offsite: What happens to the clusters' site does not happen to it.
        immutable: Its own keys cannot delete or replace what is stored (object lock, append-only).
    """

    region: str | None = None
    offsite: Bool = False
    immutable: Bool = False


class StorageSpec(Model):
    """Where it is, who may use it and how its own Job runs.

    Attributes:
        clusters: The clusters that have it; all of them by default.
        namespace: The only namespace whose volumes it is for. Without it each namespace with such
            volumes gets a BackupStorage of this name, below ``<prefix>/<namespace>``.
    """

    clusters: Selector | None = None
    namespace: str | None = None
    backend: Backend
    credentials: Credentials | None = None
    job: Job | None = None
    facts: StorageFacts = StorageFacts()


class Storage(Model):
    """Where copies go."""

    api_version: Literal["stashgen.dev/v1alpha1"]
    kind: Literal["Storage"]
    metadata: Metadata
    spec: StorageSpec
