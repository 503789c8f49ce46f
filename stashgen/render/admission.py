"""The two admission policies of a strict cluster: what its API server denies the controller.

They are Kubernetes' own (admissionregistration.k8s.io/v1, 1.30 and newer), written in CEL. The
first checks the Jobs that the controller creates, the second everything that it writes. Reads,
impersonation and the policies themselves are out of reach of admission: only RBAC applies there.
"""

from collections.abc import Iterable
from typing import cast

from stashgen.api import labels, strict_mode
from stashgen.api.base import JsonObject
from stashgen.render.annotations import FIRST

_API_VERSION = "admissionregistration.k8s.io/v1"
_LABELS = "dyn(object.metadata).?labels.orValue({})"
_ANNOTATIONS = "dyn(object.metadata).?annotations.orValue({})"
_POD_METADATA = "dyn(object.spec.template).?metadata.orValue({})"
_JOB_FIELDS = (
    "parallelism",
    "completions",
    "backoffLimit",
    "activeDeadlineSeconds",
    "template",
    # Filled in by the API server.
    "selector",
    "manualSelector",
    "completionMode",
    "suspend",
    "podReplacementPolicy",
)


def admission_objects() -> tuple[JsonObject, ...]:
    """The objects of ``_cluster/admission.yaml``: two policies and their bindings."""
    bindings = (_part_binding(part) for part in strict_mode.PARTS)
    return (
        _jobs(),
        *bindings,
        _writes(),
        _binding(strict_mode.WRITES_POLICY, strict_mode.WRITES_POLICY),
    )


def _jobs() -> JsonObject:
    """The Job's pod must equal a reviewed template: its spec and all labels and annotations."""
    name = f"{_LABELS}[?'{labels.TEMPLATE_LABEL}'].orValue('')"
    return _policy(
        strict_mode.JOBS_POLICY,
        matches={
            "namespaceSelector": {},
            "objectSelector": {
                "matchExpressions": [{"key": labels.PART_LABEL, "operator": "Exists"}]
            },
            "resourceRules": [_rule("batch", "v1", "jobs", ("CREATE",))],
        },
        parameters={"apiVersion": "stashgen.dev/v1alpha1", "kind": "ReviewedTemplates"},
        variables={
            "name": name,
            "reviewed": "params.spec.templates.filter(t, t.name == variables.name)",
            "spec": "dyn(object.spec.template.spec)",
            "pod": _POD_METADATA,
            "labels": "variables.pod.?labels.orValue({})",
            "annotations": "variables.pod.?annotations.orValue({})",
        },
        validations=(
            _validation(
                "size(variables.reviewed) == 1",
                "'namespace ' + request.namespace + ' has no reviewed template \"' +\n"
                "variables.name + '\"'",
            ),
            _validation(
                "variables.reviewed.all(t, variables.spec == dyn(t.podSpec) || (\n"
                f"{_RESTORED_ELSEWHERE}\n))",
                "'the pod differs from the reviewed template \"' + variables.name + '\"'",
            ),
            _validation(
                _JOB_SETTINGS,
                "'a setting of the Job differs from the constants of the controller'",
            ),
            _validation(
                f"variables.pod.all(k, k in {_list(('labels', 'annotations', _CREATED))}) &&\n"
                "variables.reviewed.all(t,\n"
                "  t.labels.all(k, k in variables.labels &&\n"
                "    variables.labels[k] == t.labels[k]) &&\n"
                "  variables.labels.all(k, k in t.labels || k in "
                f"{_list((*labels.SESSION_LABELS, *labels.KUBERNETES_LABELS))}) &&\n"
                "  dyn(t).?annotations.orValue({}).all(k, k in variables.annotations &&\n"
                "    variables.annotations[k] == t.annotations[k]) &&\n"
                "  variables.annotations.all(k, k in dyn(t).?annotations.orValue({}) || k in "
                f"{_list(labels.SESSION_ANNOTATIONS)}))",
                "'a label or annotation of the pod is neither reviewed nor set by a session'",
            ),
            _validation(
                f"{_LABELS}.all(k, k in {_list(labels.JOB_LABELS)}) &&\n"
                f"{_ANNOTATIONS}.all(k, k in {_list(labels.JOB_ANNOTATIONS)})",
                "'the controller does not set such a label or annotation on a Job'",
            ),
            _validation(
                "dyn(object.metadata).?ownerReferences.orValue([]).size() == 1 &&\n"
                "object.metadata.ownerReferences.all(o, (o.apiVersion + ' ' + o.kind) in\n"
                f"{_list(strict_mode.OWNERS)})",
                "'the Job is not owned by exactly one session, Repository or BackupStorage'",
            ),
        ),
    )


_CREATED = "creationTimestamp"
# A restore may name a claim other than the reviewed one; nothing else may differ.
_RESTORED_ELSEWHERE = """\
  has(t.restoreInto) &&
  variables.spec.all(k, k == 'volumes' ||
    (k in t.podSpec && variables.spec[k] == dyn(t.podSpec)[k])) &&
  dyn(t.podSpec).all(k, k in variables.spec) &&
  size(variables.spec.volumes) == size(t.podSpec.volumes) &&
  variables.spec.volumes.filter(v, v.name != t.restoreInto.volume) ==
    dyn(t.podSpec.volumes).filter(v, v.name != t.restoreInto.volume) &&
  variables.spec.volumes.filter(v, v.name == t.restoreInto.volume).all(v,
    v.all(k, k in ['name', 'persistentVolumeClaim']) &&
    'persistentVolumeClaim' in v &&
    v.persistentVolumeClaim.all(k, k == 'claimName') &&
    v.persistentVolumeClaim.claimName.startsWith(t.restoreInto.claimPrefix) &&
    !(v.persistentVolumeClaim.claimName in t.restoreInto.protected))"""


def _list(items: Iterable[str]) -> str:
    return "[" + ", ".join(f"'{item}'" for item in items) + "]"


_JOB_SETTINGS = f"""\
dyn(object.spec).all(k, k in {_list(_JOB_FIELDS)}) &&
object.spec.parallelism == 1 && object.spec.completions == 1 &&
object.spec.completionMode == 'NonIndexed' && object.spec.backoffLimit == 0 &&
object.spec.suspend == false && dyn(object.spec).?manualSelector.orValue(false) == false &&
dyn(object.spec).?podReplacementPolicy.orValue('TerminatingOrFailed') == 'TerminatingOrFailed' &&
has(object.spec.activeDeadlineSeconds) &&
object.spec.activeDeadlineSeconds <= {strict_mode.LONGEST_JOB_SECONDS}"""


def _writes() -> JsonObject:
    """An allowlist: any other write of the controller is denied."""
    writes = "[\n  " + ",\n  ".join(f"'{item}'" for item in strict_mode.WRITES) + "\n]"
    is_job = "request.resource.resource == 'jobs' && request.operation"
    part = f"{_LABELS}[?'{labels.PART_LABEL}'].orValue('')"
    return _policy(
        strict_mode.WRITES_POLICY,
        matches={
            "namespaceSelector": {},
            "objectSelector": {},
            "resourceRules": [_rule("*", "*", "*/*", ("*",))],
        },
        variables={
            "what": "request.resource.group + '/' + request.resource.resource +\n"
            "(dyn(request).?subResource.orValue('') == '' ? '' : '/' + request.subResource)",
        },
        validations=(
            _validation(
                f"(variables.what + ' ' + request.operation) in {writes}",
                "'the controller may not ' + request.operation + ' ' + variables.what",
            ),
            _validation(
                f"!({is_job} == 'CREATE') || {part} in {_list(strict_mode.PARTS)}",
                f"'a Job of the controller must name the object with its reviewed pod in label "
                f"{labels.PART_LABEL}'",
            ),
            _validation(
                f"!({is_job} == 'DELETE') || '{labels.TEMPLATE_LABEL}' in\n"
                "dyn(oldObject.spec.template).?metadata.?labels.orValue({})",
                "'the controller may only delete Jobs made from a reviewed template'",
            ),
            _validation(
                "request.operation != 'DELETE' || dyn(request).?name.orValue('') != ''",
                "'the controller may only delete one object at a time'",
            ),
            # Kubernetes' default for Jobs orphans the pods, which then have no deadline.
            _validation(
                f"!({is_job} == 'DELETE') ||\n"
                "dyn(request).?options.?propagationPolicy.orValue('') == 'Background'",
                "'the controller may not delete a Job without its pods'",
            ),
            # Nothing would remove it: the object and its namespace could never be deleted.
            _validation(
                "!(request.operation in ['CREATE', 'UPDATE']) ||\n"
                "dyn(request).?subResource.orValue('') != '' ||\n"
                "dyn(object.metadata).?finalizers.orValue([]).size() == 0",
                "'the controller may not set finalizers'",
            ),
            _validation(
                "request.resource.resource != 'leases' ||\n"
                f"(request.namespace == '{strict_mode.CONTROLLER_NAMESPACE}' &&\n"
                f"object.metadata.name == '{strict_mode.CONTROLLER_ACCOUNT}')",
                "'the controller may only use its own Lease'",
            ),
        ),
    )


def _policy(
    name: str,
    *,
    matches: dict[str, object],
    variables: dict[str, str],
    validations: tuple[JsonObject, ...],
    parameters: JsonObject | None = None,
) -> JsonObject:
    spec: dict[str, object] = {
        "failurePolicy": "Fail",
        "matchConstraints": {"matchPolicy": "Equivalent", **matches},
        "matchConditions": [
            {
                "name": "is-the-controller",
                "expression": f"request.userInfo.username == '{strict_mode.CONTROLLER_USER}'",
            }
        ],
        "variables": [
            {"name": variable, "expression": expression}
            for variable, expression in variables.items()
        ],
        "validations": list(validations),
    }
    if parameters is not None:
        spec["paramKind"] = parameters
    return _object("ValidatingAdmissionPolicy", name, spec)


def _part_binding(part: str) -> JsonObject:
    """Compares the Jobs that name a part with that part; if it is missing, they are denied.

    A binding's objectSelector is evaluated before its parameters are looked up, match conditions
    only after that: without it every Job of every user would be denied where the part is missing.
    """
    number = part.rpartition("-")[2]
    return _binding(
        f"{strict_mode.JOBS_POLICY}-{number}",
        strict_mode.JOBS_POLICY,
        paramRef={"name": part, "parameterNotFoundAction": "Deny"},
        matchResources={
            "matchPolicy": "Equivalent",
            "namespaceSelector": {},
            "objectSelector": {"matchLabels": {labels.PART_LABEL: part}},
        },
    )


def _binding(name: str, policy: str, **more: object) -> JsonObject:
    spec = {"policyName": policy, "validationActions": ["Deny"], **more}
    return _object("ValidatingAdmissionPolicyBinding", name, spec)


def _object(kind: str, name: str, spec: dict[str, object]) -> JsonObject:
    metadata = {"name": name, "annotations": dict(FIRST)}
    return cast(
        "JsonObject",
        {"apiVersion": _API_VERSION, "kind": kind, "metadata": metadata, "spec": spec},
    )


def _rule(group: str, version: str, resource: str, operations: tuple[str, ...]) -> JsonObject:
    rule: dict[str, object] = {
        "apiGroups": [group],
        "apiVersions": [version],
        "operations": list(operations),
        "resources": [resource],
        "scope": "*",
    }
    return cast("JsonObject", rule)


def _validation(expression: str, message: str) -> JsonObject:
    # Forbidden, as from RBAC; the default reason, Invalid, would suggest a schema violation.
    return {"expression": expression, "messageExpression": message, "reason": "Forbidden"}
