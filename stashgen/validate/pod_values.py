"""Kubernetes' rules for the parts of a pod that a policy sets.

What the schema of a PodTemplate would reject is reported here, at the place where it is written.
"""

import re

from stashgen.diagnostics import quote
from stashgen.validate.values import Problem, Rule
from stashgen.validate.walk import Code
from stashgen.yaml.nodes import Json

_QUANTITY = re.compile(
    r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?", re.ASCII
)
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
