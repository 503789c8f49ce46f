"""All label and annotation keys that we write or read, defined once.

KubeStash's and Kubernetes' own keys are spelt as they spell them; ours are below
``stashgen.dev`` and ``session.stashgen.dev``.
"""

import re

from stashgen.api.meta import ObjectMeta

_MAX_LABEL = 63
_LABEL_END = re.compile(r"[^A-Za-z0-9]+$")

# On Jobs, their pods, BackupSessions and Snapshots, as KubeStash labels them.
INVOKER_NAME_LABEL = "kubestash.com/invoker-name"
INVOKER_NAMESPACE_LABEL = "kubestash.com/invoker-namespace"
SESSION_NAME_LABEL = "kubestash.com/session-name"
REPOSITORY_LABEL = "kubestash.com/repo-name"
TARGET_LABEL_PREFIX = "kubestash.com/app-ref-"
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "kubestash.com"
COMPONENT_LABEL = "app.kubernetes.io/component"
# On pods, by the Job controller.
JOB_NAME_LABEL = "batch.kubernetes.io/job-name"

# The object's children are in Git: the controller waits for them and creates none.
RENDERED_ANNOTATION = "stashgen.dev/rendered"
# The PodTemplates of an object; which one follows.
POD_TEMPLATE_ANNOTATION_PREFIX = "stashgen.dev/pod-template."
# On the objects of a volume that is no longer backed up: kept until this date.
RETIRED_ANNOTATION = "stashgen.dev/retired"
# On a BackupConfiguration: the RestoreSession that ended in part and whose target may be backed up
# as it is.
ACCEPT_PARTIAL_RESTORE_ANNOTATION = "stashgen.dev/accept-partial-restore"
# On a BackupConfiguration: what its policy demands of its backups, durations as Go writes them.
RPO_ANNOTATION = "stashgen.dev/rpo"
KEEP_FOR_ANNOTATION = "stashgen.dev/keep-for"
MIN_COPIES_ANNOTATION = "stashgen.dev/min-copies"
# On a claim or a namespace: it needs no backup. The value is "true" or the reason.
OPT_OUT_ANNOTATION = "stashgen.dev/opt-out"
OPT_OUT_REASON_ANNOTATION = "stashgen.dev/opt-out-reason"
OPT_OUT_OWNER_ANNOTATION = "stashgen.dev/opt-out-owner"
OPT_OUT_UNTIL_ANNOTATION = "stashgen.dev/opt-out-until"
# Likewise: the policy that protects it, how often, and which files, as far as a policy delegates
# that.
POLICY_ANNOTATION = "stashgen.dev/policy"
EVERY_ANNOTATION = "stashgen.dev/every"
PATHS_ANNOTATION = "stashgen.dev/paths"
DELEGATED_ANNOTATIONS = (
    POLICY_ANNOTATION,
    EVERY_ANNOTATION,
    PATHS_ANNOTATION,
    OPT_OUT_ANNOTATION,
    OPT_OUT_REASON_ANNOTATION,
    OPT_OUT_OWNER_ANNOTATION,
    OPT_OUT_UNTIL_ANNOTATION,
)
# On a BackupConfiguration, by a person: the Snapshot whose smaller size, or which was the first
# after a long time without one, is right. Retention goes on then.
ACCEPT_SMALLER_ANNOTATION = "stashgen.dev/accept-smaller"
ACCEPT_GAP_ANNOTATION = "stashgen.dev/accept-gap"
# Likewise: the time of the check whose damage a person has repaired with restic's own tools.
ACCEPT_DAMAGE_ANNOTATION = "stashgen.dev/accept-damage"
# On the object whose run it was, by a person: nothing runs any more of this pod, which was deleted
# without a word of its kubelet; of the Job of this name, where no pod of it was seen.
ACCEPT_LOST_POD_ANNOTATION = "stashgen.dev/accept-lost-pod"
# On a BackupConfiguration: a re-created volume may be backed up without a restore. The value is the
# UID of the claim that the bucket records as its writer, so it applies to that writer only.
ADOPT_ANNOTATION = "stashgen.dev/adopt"
# On a Repository: read its Snapshots back from the bucket, once for each new value.
RESYNC_ANNOTATION = "stashgen.dev/resync"
# On a Repository: how often it is checked and pruned (kubestash/upkeep.py).
UPKEEP_ANNOTATION = "stashgen.dev/upkeep"
# On a BackupStorage in a bucket: how the bucket is named in requests (`virtual`, `path`).
ADDRESSING_STYLE_ANNOTATION = "stashgen.dev/addressing-style"
# On a BackupStorage in a bucket of Amazon: the IAM role that its pods assume, in place of keys.
ROLE_ARN_ANNOTATION = "stashgen.dev/role-arn"
# On a Snapshot that was read back from the bucket: its record there.
RECORD_ANNOTATION = "stashgen.dev/record"
# On a Job: which plan it was made for.
PLAN_DIGEST_ANNOTATION = "stashgen.dev/plan-digest"
# On a RestoreSession created for a RestoreRequest: the order, and its nonce for look-ups.
ORDER_ANNOTATION = "stashgen.dev/restore-order"
NONCE_LABEL = "stashgen.dev/nonce"

# The session's values, which the pod reads through the downward API.
PLAN_ANNOTATION = "session.stashgen.dev/plan"
NAME_ANNOTATION = "session.stashgen.dev/name"
SNAPSHOT_ANNOTATION = "session.stashgen.dev/snapshot"
VERB_ANNOTATION = "session.stashgen.dev/verb"

# In strict mode: the reviewed template of a pod, and which ReviewedTemplates object has it.
TEMPLATE_LABEL = "stashgen.dev/pod-template"
PART_LABEL = "stashgen.dev/reviewed-in"
SESSION_LABELS = (
    INVOKER_NAME_LABEL,
    INVOKER_NAMESPACE_LABEL,
    SESSION_NAME_LABEL,
    REPOSITORY_LABEL,
)
SESSION_ANNOTATIONS = (NAME_ANNOTATION, SNAPSHOT_ANNOTATION, VERB_ANNOTATION, PLAN_ANNOTATION)
JOB_LABELS = (TEMPLATE_LABEL, PART_LABEL, MANAGED_BY_LABEL, COMPONENT_LABEL, *SESSION_LABELS)
JOB_ANNOTATIONS = (PLAN_DIGEST_ANNOTATION,)
# Added to the pod of a Job by the API server itself, before policies are evaluated.
KUBERNETES_LABELS = (
    "batch.kubernetes.io/controller-uid",
    JOB_NAME_LABEL,
    "controller-uid",
    "job-name",
)


def label_value(text: str) -> str:
    """A text as a label's value: at most 63 characters, the last a letter or digit."""
    return _LABEL_END.sub("", text[:_MAX_LABEL])


def is_rendered(metadata: ObjectMeta) -> bool:
    """Whether the object's children are in Git, so that the controller creates none of them."""
    return RENDERED_ANNOTATION in (metadata.annotations or {})


def pod_template_annotation(template: str) -> str:
    """Where an object names its PodTemplate of a kind."""
    return POD_TEMPLATE_ANNOTATION_PREFIX + template


def template_name(metadata: ObjectMeta, template: str) -> str | None:
    """The PodTemplate of a kind that a rendered object names."""
    return (metadata.annotations or {}).get(pod_template_annotation(template))
