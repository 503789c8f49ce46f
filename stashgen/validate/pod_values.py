"""Kubernetes' rules for the parts of a pod that a policy sets.

What the schema of a PodTemplate would reject is reported here, at the place where it is written.
"""

import re

from stashgen.api.labels import COMPONENT_LABEL, KUBERNETES_LABELS, MANAGED_BY_LABEL
from stashgen.diagnostics import quote
from stashgen.kubestash.pods.environment import why_no_setting, why_reserved
from stashgen.validate.values import Problem, Rule
from stashgen.validate.walk import Code
from stashgen.yaml.nodes import Json

_QUANTITY = re.compile(
    r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?", re.ASCII
)
_VARIABLE = re.compile(r"[-._A-Za-z][-._A-Za-z0-9]*", re.ASCII)
_PASSWORD = re.compile(r"://[^/@\s]*:[^/@\s]+@", re.ASCII)
_KEY = re.compile(
    r"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?"
    r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
    re.ASCII,
)
_LONGEST_DOMAIN = 253
# Set on pods by us, KubeStash or the Job controller.
_OUR_LABELS = frozenset({MANAGED_BY_LABEL, COMPONENT_LABEL, *KUBERNETES_LABELS})
_OUR_DOMAINS = ("stashgen.dev", "kubestash.com", "batch.kubernetes.io")
# ionice(1)'s number of the class.
_IDLE = 3
_UNSATISFIABLE = ("DoNotSchedule", "ScheduleAnyway")
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", re.ASCII)
_REFUSED = "the API server would reject the pod"


def image(value: Json) -> Problem | None:
    """A container image."""
    if not isinstance(value, str) or (value and not any(one.isspace() for one in value)):
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not an image reference",
        "a pod without an image cannot start",
        "use a reference such as stashgen-worker:0.1.0",
    )


def pull_policy(value: Json) -> Problem | None:
    """When the kubelet pulls an image."""
    known = ("Always", "IfNotPresent", "Never")
    if not isinstance(value, str) or value in known:
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not a valid imagePullPolicy",
        _REFUSED,
        f"use one of {', '.join(known)}",
    )


def resources(value: Json) -> Problem | None:
    """Requests and limits of a container."""
    if not isinstance(value, dict):
        return None
    for group, amounts in value.items():
        if group not in {"requests", "limits"} or not isinstance(amounts, dict):
            return _resources(f"{quote(group)} is not a field of resources")
        for name, amount in amounts.items():
            is_number = isinstance(amount, int | float) and not isinstance(amount, bool)
            if not (is_number or isinstance(amount, str)) or not _QUANTITY.fullmatch(str(amount)):
                return _resources(f"{group} of {quote(name)} is not a quantity")
    return None


def _resources(what: str) -> Problem:
    return Problem(
        Code.NOT_ALLOWED,
        what,
        f"{_REFUSED} (Kubernetes, ResourceRequirements)",
        "write requests and limits, each a map such as {cpu: 100m, memory: 256Mi}",
    )


def node_selector(value: Json) -> Problem | None:
    """The labels of the nodes that a pod may run on."""
    if not isinstance(value, dict):
        return None
    for key, text in value.items():
        if isinstance(text, str) and not _LABEL_VALUE.fullmatch(text):
            return Problem(
                Code.NOT_ALLOWED,
                f"{quote(text)} of {quote(key)} is not a valid label value",
                f"{_REFUSED} (Kubernetes, labels)",
                "use at most 63 letters, digits, dashes, dots and underscores",
            )
    return None


def run_as(value: Json) -> Problem | None:
    """A fixed user, or the workload's with another one for where none is known."""
    if not isinstance(value, dict):
        return None
    fixed, taken = value.get("user") is not None, value.get("from") is not None
    what = ""
    if fixed and taken:
        what = "user and from are both set"
    elif not fixed and not taken:
        what = "user or from is missing"
    elif taken and value.get("group") is not None:
        what = "group is set beside from"
    elif fixed and value.get("else") is not None:
        what = "else is set without from"
    if not what:
        return None
    return Problem(
        Code.EXACTLY_ONE,
        what,
        "a Job runs as a fixed user, or as the workload's with else for where that is not known",
        "write {user: 1000}, or {from: workload, else: {user: 0}}",
    )


def variables(value: Json) -> Problem | None:
    """Variables of a worker's container."""
    if not isinstance(value, dict):
        return None
    for name, text in value.items():
        if not _VARIABLE.fullmatch(name):
            return Problem(
                Code.NAME,
                f"{quote(name)} is not the name of a variable",
                f"{_REFUSED} (Kubernetes, EnvVar)",
                "use letters, digits, underscores, dashes and dots, not a digit first",
            )
        why = why_reserved(name)
        if why is not None:
            return Problem(
                Code.NOT_ALLOWED, f"variable {quote(name)} is reserved", why, f"remove {name}"
            )
        wrong = why_no_setting(name, text) if isinstance(text, str) else None
        if wrong is not None:
            return Problem(
                Code.NOT_ALLOWED,
                f"variable {quote(name)}: {wrong}",
                "restic would not start with it, and every backup would fail",
                f"correct the value, or remove {name}",
            )
        if isinstance(text, str) and _PASSWORD.search(text):
            return Problem(
                Code.NOT_ALLOWED,
                f"variable {quote(name)} has a password in its address",
                "what is rendered is not secret: everybody who reads the repository could use it",
                "use a proxy that lets the cluster's pods through without a password",
            )
    return None


def pod_labels(value: Json) -> Problem | None:
    """Labels of pods."""
    return _keys(value, "label") or node_selector(value)


def pod_annotations(value: Json) -> Problem | None:
    """Annotations of pods."""
    return _keys(value, "annotation")


def _keys(value: Json, what: str) -> Problem | None:
    for key in value if isinstance(value, dict) else ():
        domain = key.rpartition("/")[0]
        is_ours = key in _OUR_LABELS or domain.endswith(_OUR_DOMAINS)
        if is_ours:
            return Problem(
                Code.NOT_ALLOWED,
                f"{what} {quote(key)} is reserved",
                "Kubernetes, KubeStash or stashgen sets it and finds the pods by it",
                "use another key",
            )
        if not _KEY.fullmatch(key) or len(domain) > _LONGEST_DOMAIN:
            return Problem(
                Code.NAME,
                f"{quote(key)} is not the key of a {what}",
                f"{_REFUSED} (Kubernetes, labels)",
                'use a key such as "team", or "example.org/team"',
            )
    return None


def spread_constraint(value: Json) -> Problem | None:
    """How pods are spread over nodes, zones and the like."""
    if not isinstance(value, dict):
        return None
    skew, else_ = value.get("maxSkew"), value.get("whenUnsatisfiable")
    what = ""
    if isinstance(skew, int) and skew < 1:
        what = f"maxSkew {skew} is less than 1"
    elif isinstance(else_, str) and else_ not in _UNSATISFIABLE:
        what = f"{quote(else_)} is not a valid whenUnsatisfiable"
    if not what:
        return None
    return Problem(
        Code.NOT_ALLOWED,
        what,
        f"{_REFUSED} (Kubernetes, TopologySpreadConstraint)",
        f"use maxSkew 1 and one of {', '.join(_UNSATISFIABLE)}",
    )


def size(value: Json) -> Problem | None:
    """The size of a volume."""
    if not isinstance(value, str) or (_QUANTITY.fullmatch(value) and {*value} & {*"123456789"}):
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not a size",
        f"{_REFUSED} (Kubernetes, Quantity)",
        'write a size such as "5Gi"',
    )


def idle(value: Json) -> Problem | None:
    """An I/O priority: only class 2 has levels (ionice(1))."""
    if not isinstance(value, dict) or value.get("class") != _IDLE or value.get("classData") is None:
        return None
    return Problem(
        Code.NOT_ALLOWED,
        "class 3 has no classData",
        "an idle process has no priority among others",
        "remove classData, or use class 2",
    )


def of_volumes(value: Json) -> Problem | None:
    """A setting of the Jobs of volumes, which those of a storage do not have."""
    if value is None:
        return None
    return Problem(
        Code.NOT_ALLOWED,
        "the Jobs of a storage have no such setting",
        "they mount no volume of a workload and do not run restic",
        "set it in a policy's job or in the project's defaults.job",
    )


def block(required: dict[str, type], optional: dict[str, type]) -> Rule:
    """A map with these fields, each of exactly this type, and no other."""
    known = required | optional

    def rule(value: Json) -> Problem | None:
        if not isinstance(value, dict):
            return None
        what = ""
        for key in sorted(value.keys() - known.keys()):
            what = what or f"field {quote(key)} is unknown"
        for key in sorted(required.keys() - value.keys()):
            what = what or f"field {quote(key)} is missing"
        for key, item in value.items():
            # A boolean is an int in Python, so compare exact types.
            if not what and type(item) is not known[key]:
                what = f"{key} has a value of the wrong type"
        fix = f"set {', '.join(required)}" if required else f"set any of {', '.join(known)}"
        if required and optional:
            fix += f", and optionally {', '.join(optional)}"
        return Problem(Code.NOT_ALLOWED, what, _REFUSED, fix) if what else None

    return rule


toleration = block(
    {}, {"key": str, "operator": str, "value": str, "effect": str, "tolerationSeconds": int}
)
pull_secret = block({"name": str}, {})
claim_source = block({"claimName": str}, {"readOnly": bool})
nfs_source = block({"server": str, "path": str}, {"readOnly": bool})
host_path_source = block({"path": str}, {"type": str})
