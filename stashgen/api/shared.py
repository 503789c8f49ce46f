"""Types that several KubeStash kinds share (KubeStash API, v1alpha1)."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from stashgen.api.base import Bool, Duration, Int, JsonObject, Model, Time
from stashgen.api.runtime_settings import (
    ContainerRuntimeSettings,
    OffshootPodTemplate,
    RuntimeSettings,
)
from stashgen.api.shapes import (
    AddonVolumeSource,
    EnvVar,
    FreeForm,
    PersistentVolumeClaim,
    Volume,
    VolumeMount,
)

Parameters = Annotated[
    JsonObject, FreeForm("an Addon or a HookTemplate defines its own parameters")
]


class ObjectReference(Model):
    """A namespaced object of a known kind; an empty namespace is the referrer's."""

    name: str
    namespace: str | None = None


class TypedObjectReference(Model):
    """A namespaced object of any kind."""

    api_group: str | None = None
    kind: str | None = None
    name: str
    namespace: str | None = None


class TypedLocalObjectReference(Model):
    """An object of any kind in the referrer's namespace."""

    api_group: str | None = None
    kind: str
    name: str


class ConditionStatus(StrEnum):
    """Kubernetes' three truth values."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


class Severity(StrEnum):
    """How bad a False condition is."""

    ERROR = "Error"
    WARNING = "Warning"
    INFO = "Info"
    NONE = ""


class Condition(Model):
    """One aspect of an object's state."""

    type: str
    status: ConditionStatus
    last_transition_time: Time
    reason: str | None = None
    message: str | None = None
    observed_generation: Int | None = None
    severity: Severity | None = None


class NamespaceScope(StrEnum):
    """From which namespaces an object may be referred to."""

    ALL = "All"
    SELECTOR = "Selector"
    SAME = "Same"


class LabelSelectorRequirement(Model):
    """One expression of a label selector; ``operator`` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] | None = None


class LabelSelector(Model):
    """Kubernetes' label selector: all of it must fit."""

    match_labels: dict[str, str] | None = None
    match_expressions: tuple[LabelSelectorRequirement, ...] | None = None


class AllowedNamespaces(Model):
    """Which namespaces; ``selector`` looks at the labels of Namespace objects."""

    from_: NamespaceScope | None = Field(
        default=None, alias="from", json_schema_extra={"default": "Same"}
    )
    selector: LabelSelector | None = None


class UsagePolicy(Model):
    """Who may refer to an object."""

    allowed_namespaces: AllowedNamespaces | None = None


class DeletionPolicy(StrEnum):
    """What happens to the data when the object is deleted."""

    DELETE = "Delete"
    WIPE_OUT = "WipeOut"


class RetryConfig(Model):
    """How often and after how long a failed session is tried again."""

    max_retry: Int | None = Field(default=None, json_schema_extra={"default": 1, "minimum": 1})
    delay: Duration | None = None


class ParameterDefinition(Model):
    """A parameter that an Addon's task takes."""

    name: str | None = None
    usage: str | None = None
    required: Bool | None = None
    default: str | None = None


class TargetVolumes(Model):
    """Volumes of a workload, as its pod has them."""

    volumes: tuple[Volume, ...] | None = None
    volume_mounts: tuple[VolumeMount, ...] | None = None
    volume_claim_templates: tuple[PersistentVolumeClaim, ...] | None = None


class AddonVolume(Model):
    """What stands in place of a volume of the Addon; ``name`` may be a variable.

    ``source`` is any VolumeSource, or a ``volumeClaimTemplate``.
    """

    name: str | None = None
    source: AddonVolumeSource | None = None


class TaskReference(Model):
    """One addon task of a session with its parameters."""

    name: str | None = None
    params: Parameters | None = None
    variables: tuple[EnvVar, ...] | None = None
    target_volumes: TargetVolumes | None = None
    addon_volumes: tuple[AddonVolume, ...] | None = None


class AddonInfo(Model):
    """Which Addon a session uses, and how its executor runs."""

    name: str | None = None
    tasks: tuple[TaskReference, ...] | None = None
    container_runtime_settings: ContainerRuntimeSettings | None = None
    job_template: OffshootPodTemplate | None = None


class HookInfo(Model):
    """A hook of a session."""

    name: str | None = None
    hook_template: ObjectReference | None = None
    params: Parameters | None = None
    max_retry: Int | None = Field(default=None, json_schema_extra={"minimum": 0})
    timeout: Duration | None = None
    execution_policy: str | None = Field(
        default=None,
        json_schema_extra={"default": "Always", "enum": ["Always", "OnSuccess", "OnFailure"]},
    )
    variables: tuple[EnvVar, ...] | None = None
    volumes: tuple[Volume, ...] | None = None
    volume_mounts: tuple[VolumeMount, ...] | None = None
    runtime_settings: RuntimeSettings | None = None


class HookStatus(Model):
    """How one hook went."""

    name: str | None = None
    phase: str | None = Field(
        default=None, json_schema_extra={"enum": ["Succeeded", "Failed", "Pending"]}
    )


class Dependency(Model):
    """An object that another one needs."""

    api_group: str | None = None
    kind: str | None = None
    name: str
    namespace: str | None = None
    found: Bool | None = None


class Executor(Model):
    """Our addition to KubeStash's statuses: the Job that does the work.

    Recorded before the Job is made: it is the claim on a volume and a repository. The UID is known
    once the Job has been observed, and with it when the API server made it (``created``); if a Job
    with that UID no longer exists, it was lost. ``pod`` is
    the name of its pod once observed, which is the host name in the locks that restic took there;
    ``pod_terminated`` says that the kubelet reported its end, and from ``stops_by`` on
    nothing of it runs even if no kubelet ever says so. ``ended`` releases the claim of an
    initialisation; ``lost_time`` is when its Job was first found missing,
    or to have ended at a time that is yet to come.
    """

    job: str
    attempt: Int
    plan_digest: str
    job_uid: str | None = Field(default=None, alias="jobUID")
    created: Time | None = None
    pod: str | None = None
    pod_terminated: Bool | None = None
    stops_by: Time | None = None
    ended: Bool | None = None
    lost_time: Time | None = None


class AffectedFiles(Model):
    """Files and folders that something concerns: how many, and the first of them (ours).

    Attributes:
        first: Paths below the volume's root; a long one is cut off.
    """

    count: Int
    first: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As people read it: ``3 files: a, b and 1 more``."""
        noun = "file" if self.count == 1 else "files"
        more = self.count - len(self.first)
        names = ", ".join(self.first)
        if not names:
            return f"{self.count} {noun}"
        return f"{self.count} {noun}: {names}" + (f" and {more} more" if more > 0 else "")
