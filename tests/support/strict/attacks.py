"""What a controller that was taken over would try, each one request (docs/strict-mode.md).

Every attack is made of a request that is fine (a Job of a reviewed template, an object that is
there) and one change. The same list runs on a bare API server and on a whole cluster.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
MERGE = "application/merge-patch+json"

POD = "the pod differs from the reviewed template"
SETTING = "a setting of the Job differs from the constants of the controller"
POD_METADATA = "a label or annotation of the pod is neither reviewed nor set by a session"
JOB_METADATA = "the controller does not set such a label or annotation on a Job"
OWNER = "the Job is not owned by exactly one session, Repository or BackupStorage"
UNKNOWN = "has no reviewed template"
NO_PARAMETERS = "no params found for policy binding with `Deny` parameterNotFoundAction"
NO_PART = "a Job of the controller must name the object with its reviewed pod"
WRITE = "the controller may not"
WITHOUT_PODS = "the controller may not delete a Job without its pods"
FINALIZER = "the controller may not set finalizers"


@dataclass(frozen=True, slots=True)
class Ground:
    """Where the attacks happen.

    Attributes:
        namespace: Compiled, with ReviewedTemplates, the pod ``app`` and the Job ``others-job``.
        elsewhere: A namespace that nobody compiled.
        jobs: A fresh Job as the controller makes it, by verb: backup, restore, maintain.
        repository, template: Names of a Repository and of a PodTemplate.
        session: A BackupSession's name.
        running: A Job that the controller itself made.
    """

    namespace: str
    elsewhere: str
    jobs: Mapping[str, Json]
    repository: str
    template: str
    session: str
    running: str


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the API server."""

    method: str
    path: str
    body: Json | None = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attack:
    """One attempt, and what the API server has to say.

    Attributes:
        name: As the table in docs/strict-mode.md has it.
        refusal: Our words, if RBAC lets the request through.
        code: What comes with them.
    """

    name: str
    refusal: str
    request: Callable[[Ground], Request] = field(repr=False)
    code: int = 403


def _jobs_path(namespace: str) -> str:
    return f"/apis/batch/v1/namespaces/{namespace}/jobs"


def _job(
    change: Callable[[Json, Json], object], verb: str = "backup"
) -> Callable[[Ground], Request]:
    """A Job that is fine but for a change of it or of its pod's spec."""

    def request(ground: Ground) -> Request:
        job = copy.deepcopy(dict(ground.jobs[verb]))
        change(job, job["spec"]["template"]["spec"])
        return Request("POST", _jobs_path(job["metadata"]["namespace"]), job)

    return request


def _pod(name: str, refusal: str = POD, **fields: object) -> Attack:
    """Fields of the pod's spec set to something else."""
    return Attack(name, refusal, _job(lambda _, spec: spec.update(fields)))


def _container(name: str, **fields: object) -> Attack:
    return Attack(name, POD, _job(lambda _, spec: spec["containers"][0].update(fields)))


def _volume(name: str, source: Json) -> Attack:
    volume = {"name": "more", **source}
    return Attack(name, POD, _job(lambda _, spec: spec["volumes"].append(volume)))


def _setting(name: str, **fields: object) -> Attack:
    return Attack(name, SETTING, _job(lambda job, _: job["spec"].update(fields)))


def _metadata(name: str, refusal: str, key: str, **entries: str) -> Attack:
    def change(job: Json, _: Json) -> None:
        job["metadata"].setdefault(key, {}).update(entries)

    return Attack(name, refusal, _job(change))


def _pod_metadata(name: str, key: str, **entries: str) -> Attack:
    def change(job: Json, _: Json) -> None:
        job["spec"]["template"]["metadata"].setdefault(key, {}).update(entries)

    return Attack(name, POD_METADATA, _job(change))


def _env(name: str, variable: Json) -> Attack:
    return Attack(name, POD, _job(lambda _, spec: spec["containers"][0]["env"].append(variable)))


def _restore(name: str, **fields: object) -> Attack:
    """The data volume of a restore changed."""

    def change(_: Json, spec: Json) -> None:
        volume = next(v for v in spec["volumes"] if v["name"] == "kubestash-data-volume")
        claim = volume.pop("persistentVolumeClaim")
        volume |= {"persistentVolumeClaim": claim | fields}

    return Attack(name, POD, _job(change, "restore"))


def _replace(job: Json, _: Json) -> None:
    """Another volume than the data under the cloak of a restore elsewhere."""
    for volume in job["spec"]["template"]["spec"]["volumes"]:
        if volume["name"] == "encryption":
            volume.pop("secret")
            volume["secret"] = {"secretName": "victim", "optional": True, "defaultMode": 292}
        if volume["name"] == "kubestash-data-volume":
            volume["persistentVolumeClaim"] = {"claimName": "library-restore-1"}


def _hidden(_: Json, spec: Json) -> None:
    """A Secret as the data volume."""
    for volume in spec["volumes"]:
        if volume["name"] == "kubestash-data-volume":
            volume.pop("persistentVolumeClaim")
            volume["secret"] = {"secretName": "victim"}


def _named(job: Json, name: str) -> None:
    job["metadata"]["labels"]["stashgen.dev/pod-template"] = name


def _mixed(job: Json, _: Json) -> None:
    """The name of one reviewed template and the pod of another."""
    other = job["metadata"]["labels"]["stashgen.dev/pod-template"]
    _named(job, other.replace("backup-", "restore-", 1))


def _moved(ground: Ground) -> Request:
    job = copy.deepcopy(dict(ground.jobs["backup"]))
    job["metadata"]["namespace"] = ground.elsewhere
    return Request("POST", _jobs_path(ground.elsewhere), job)


_PART = "stashgen.dev/reviewed-in"
_SECRET = {"secretName": "victim"}
_PRIVILEGED = {"privileged": True, "allowPrivilegeEscalation": True}
_HELPER = {
    "name": "helper",
    "image": "attacker/image:1",
    # So that Pod Security has nothing to say where a namespace enforces it.
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "runAsUser": 65534,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
}
_HOOK = {"postStart": {"exec": {"command": ["sh", "-c", "cat /etc/shadow"]}}}
_TOKEN = {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}}

JOBS = (
    _volume("another Secret as a volume", {"secret": _SECRET}),
    _volume(
        "another Secret in a projected volume",
        {"projected": {"sources": [{"secret": {"name": "victim"}}]}},
    ),
    Attack("another Secret instead of the data", POD, _job(_hidden)),
    _env(
        "another Secret in an environment variable",
        {"name": "X", "valueFrom": {"secretKeyRef": {"name": "victim", "key": "password"}}},
    ),
    _container(
        "another Secret in all environment variables (envFrom)",
        envFrom=[{"secretRef": {"name": "victim"}}],
    ),
    _env(
        "an additional environment variable",
        {"name": "LD_PRELOAD", "value": "/kubestash-data/evil.so"},
    ),
    _container("another image", image="attacker/image:1"),
    _container("different arguments", args=["restore"]),
    _container("another command", command=["sh", "-c", "id"]),
    _container("a working directory", workingDir="/kubestash-data"),
    _container("a lifecycle hook", lifecycle=_HOOK),
    _container("a privileged container", securityContext=_PRIVILEGED),
    _volume("a directory of the node (hostPath)", {"hostPath": {"path": "/", "type": ""}}),
    _volume("another claim", {"persistentVolumeClaim": {"claimName": "victim"}}),
    _volume("an API token (projected)", {"projected": {"sources": [_TOKEN]}}),
    _pod("the mounted token of the ServiceAccount", automountServiceAccountToken=True),
    _pod("another ServiceAccount", serviceAccountName="victim", serviceAccount="victim"),
    _pod("the node's network", hostNetwork=True),
    _pod("the node's processes", hostPID=True),
    _pod("the node's IPC", hostIPC=True),
    _pod("an init container", initContainers=[_HELPER]),
    _pod("another user", securityContext={"runAsUser": 0}),
    _pod("a chosen node (selector)", nodeSelector={"disk": "victim"}),
    _pod("a chosen node (name)", nodeName="victim"),
    _pod("tolerations", tolerations=[{"operator": "Exists"}]),
    _pod("a priority", priorityClassName="system-node-critical"),
    _pod("another restart policy", restartPolicy="OnFailure"),
    Attack("a second container", POD, _job(lambda _, spec: spec["containers"].append(_HELPER))),
    Attack("a field left out", POD, _job(lambda _, spec: spec.pop("enableServiceLinks"))),
    _restore("a restore into another volume", claimName="victim"),
    _restore("a restore into a claim with a similar name", claimName="library-restor"),
    _restore(
        "a restore with further fields for its claim", claimName="library-restore-1", readOnly=True
    ),
    Attack("another Secret in a restore elsewhere", POD, _job(_replace, "restore")),
    _pod_metadata("an injector's annotation", "annotations", **{"sidecar.istio.io/inject": "true"}),
    _pod_metadata("an injector's label", "labels", **{"azure.workload.identity/use": "true"}),
    _pod_metadata("a reviewed label changed", "labels", **{"stashgen.dev/pod-template": "other"}),
    Attack(
        "a finalizer on the pod",
        POD_METADATA,
        _job(lambda job, _: job["spec"]["template"]["metadata"].update(finalizers=["a.b/c"])),
    ),
    _metadata("an annotation on the Job", JOB_METADATA, "annotations", **{"a.b/c": "d"}),
    _metadata("a label on the Job", JOB_METADATA, "labels", **{"a.b/c": "d"}),
    Attack(
        "a finalizer on the Job",
        FINALIZER,
        _job(lambda job, _: job["metadata"].update(finalizers=["a.b/c"])),
    ),
    Attack("no owner", OWNER, _job(lambda job, _: job["metadata"].pop("ownerReferences"))),
    Attack(
        "an owner that is not ours",
        OWNER,
        _job(
            lambda job, _: job["metadata"]["ownerReferences"][0].update(
                apiVersion="v1", kind="ConfigMap"
            )
        ),
    ),
    _setting("more pods at once", parallelism=5),
    _setting("more pods one after the other", completions=5),
    _setting("retries by the Job controller", backoffLimit=6),
    _setting("an indexed Job", completionMode="Indexed"),
    _setting("a suspended Job", suspend=True),
    _setting("no deadline", activeDeadlineSeconds=None),
    _setting("a deadline of months", activeDeadlineSeconds=9_000_000),
    _setting("a Job that removes itself", ttlSecondsAfterFinished=1),
    _setting("another Job controller", managedBy="a.b/c"),
    Attack("an unreviewed template", UNKNOWN, _job(lambda job, _: _named(job, "mine"))),
    Attack("the name of one template with the pod of another", POD, _job(_mixed)),
    Attack(
        "no template name",
        UNKNOWN,
        _job(lambda job, _: job["metadata"]["labels"].pop("stashgen.dev/pod-template")),
    ),
    Attack(
        "nothing to compare with",
        NO_PART,
        _job(lambda job, _: job["metadata"]["labels"].pop("stashgen.dev/reviewed-in")),
    ),
    Attack(
        "an object of its own to compare with",
        NO_PART,
        _job(lambda job, _: job["metadata"]["labels"].update({_PART: "attack"})),
    ),
    Attack(
        "missing reviewed templates",
        NO_PARAMETERS,
        _job(lambda job, _: job["metadata"]["labels"].update({_PART: "stashgen-2"})),
        code=422,
    ),
    Attack("a Job in a namespace without reviewed templates", NO_PARAMETERS, _moved, code=422),
)

_CORE = "/api/v1/namespaces/{namespace}"
_BATCH = "/apis/batch/v1/namespaces/{namespace}"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_SESSIONS = "/apis/core.kubestash.com/v1alpha1/namespaces/{namespace}"
_STORAGE = "/apis/storage.kubestash.com/v1alpha1/namespaces/{namespace}"
_REVIEWED = "/apis/stashgen.dev/v1alpha1/namespaces/{namespace}/reviewedtemplates"


def _write(
    name: str,
    what: str,
    method: str,
    path: str,
    body: Json | None = None,
    *,
    refusal: str = "",
) -> Attack:
    """A request that is not on the short list; ``what`` is how the policy calls it."""

    def request(ground: Ground) -> Request:
        words = {
            "namespace": ground.namespace,
            "elsewhere": ground.elsewhere,
            "repository": ground.repository,
            "template": ground.template,
            "session": ground.session,
            "running": ground.running,
        }
        content_type = MERGE if method == "PATCH" else "application/json"
        return Request(method, path.format(**words), copy.deepcopy(body), content_type)

    return Attack(name, refusal or f"{WRITE} {what}", request)


def _object(api_version: str, kind: str, **parts: object) -> Json:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": "attack"}, **parts}


def _undeletable(api_version: str, kind: str) -> Json:
    """An object with a finalizer that nobody removes: its namespace could not go either."""
    metadata = {"name": "attack", "finalizers": ["a.b/c"]}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata}


_RBAC_VERSION = "rbac.authorization.k8s.io/v1"
_ADMIN = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
_MYSELF = {
    "kind": "ServiceAccount",
    "name": "stashgen-controller",
    "namespace": "stashgen-system",
}
_POD_SPEC = {"restartPolicy": "Never", "containers": [_HELPER]}
_TEMPLATE = {"metadata": {"labels": {"app": "attack"}}, "spec": _POD_SPEC}
_SERVICE_POD = {"metadata": {"labels": {"app": "attack"}}, "spec": {"containers": [_HELPER]}}
_ANNOTATION = {"metadata": {"annotations": {"a.b/c": "d"}}}
# A request for a certificate of the user "attack".
_CERTIFICATE = (
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KTUlITE1ITUNBUUF3RVRFUE1BMEdBMVVFQXd3R1lY"
    "UjBZV05yTUZrd0V3WUhLb1pJemowQ0FRWUlLb1pJemowRApBUWNEUWdBRXNPc2V4am1FZitjQkpLdnVqSXpKSmFo"
    "OHNQcXRod0FleXh0YXFONmJPYkdhNGovT0ZiSmxEelpPCk15RlkwN3QvaWFBVlJQZ2xuZHhvRTFZUUtPZmdOYUFB"
    "TUFvR0NDcUdTTTQ5QkFNQ0EwZ0FNRVVDSUUvdWxUenUKa0pWUjY0OTUxdzhOSXdLeS9WSTN3ZjR1eHBCUUxUZ0p0"
    "ajQ2QWlFQWtrOFFMdzBxUktlOUVjQzlUQU9wNW1VSAowek85ajQzeEZKd09XWVprVmEwPQotLS0tLUVORCBDRVJU"
    "SUZJQ0FURSBSRVFVRVNULS0tLS0K"
)
_CSR = {
    "request": _CERTIFICATE,
    "signerName": "kubernetes.io/kube-apiserver-client",
    "usages": ["client auth"],
}
_WEBHOOK = {
    "name": "attack.example.com",
    "clientConfig": {"url": "https://attack.example.com/"},
    "admissionReviewVersions": ["v1"],
    "sideEffects": "None",
    "rules": [],
}
_LEASE = "/apis/coordination.k8s.io/v1/namespaces"

WRITES = (
    _write("a Pod", "CREATE /pods", "POST", f"{_CORE}/pods", _object("v1", "Pod", spec=_POD_SPEC)),
    _write(
        "a CronJob", "CREATE batch/cronjobs", "POST", f"{_BATCH}/cronjobs",
        _object("batch/v1", "CronJob", spec={
            "schedule": "* * * * *", "jobTemplate": {"spec": {"template": _TEMPLATE}},
        }),
    ),
    _write(
        "a Deployment", "CREATE apps/deployments", "POST",
        "/apis/apps/v1/namespaces/{namespace}/deployments",
        _object("apps/v1", "Deployment", spec={
            "selector": {"matchLabels": {"app": "attack"}}, "template": _SERVICE_POD,
        }),
    ),
    _write(
        "a PodTemplate of its own", "CREATE /podtemplates", "POST", f"{_CORE}/podtemplates",
        _object("v1", "PodTemplate", template=_TEMPLATE),
    ),
    _write(
        "a reviewed PodTemplate changed", "UPDATE /podtemplates", "PATCH",
        f"{_CORE}/podtemplates/{{template}}", _ANNOTATION,
    ),
    _write(
        "the reviewed templates changed", "UPDATE stashgen.dev/reviewedtemplates", "PATCH",
        f"{_REVIEWED}/stashgen-1", {"spec": {"templates": []}},
    ),
    _write(
        "the reviewed templates deleted", "DELETE stashgen.dev/reviewedtemplates", "DELETE",
        f"{_REVIEWED}/stashgen-1",
    ),
    _write(
        "reviewed templates of its own", "CREATE stashgen.dev/reviewedtemplates", "POST",
        "/apis/stashgen.dev/v1alpha1/namespaces/{elsewhere}/reviewedtemplates",
        _object("stashgen.dev/v1alpha1", "ReviewedTemplates", spec={"templates": []}),
    ),
    _write(
        "a running Job changed", "UPDATE batch/jobs", "PATCH", f"{_BATCH}/jobs/{{running}}",
        {"spec": {"suspend": True}},
    ),
    _write(
        "a Job's status", "UPDATE batch/jobs/status", "PATCH",
        f"{_BATCH}/jobs/{{running}}/status", {"status": {"ready": 1}},
    ),
    _write(
        "a Job of another user deleted", "", "DELETE", f"{_BATCH}/jobs/others-job",
        refusal="the controller may only delete Jobs made from a reviewed template",
    ),
    _write(
        "all Jobs of a namespace deleted", "", "DELETE", f"{_BATCH}/jobs",
        refusal="the controller may only delete",
    ),
    _write(
        "a Job deleted, its pods left without a deadline", "", "DELETE",
        f"{_BATCH}/jobs/{{running}}?propagationPolicy=Orphan", refusal=WITHOUT_PODS,
    ),
    _write(
        "a Job deleted without a propagation policy", "", "DELETE", f"{_BATCH}/jobs/{{running}}",
        refusal=WITHOUT_PODS,
    ),
    _write(
        "all Snapshots of a namespace deleted", "", "DELETE", f"{_STORAGE}/snapshots",
        refusal="the controller may only delete one object at a time",
    ),
    _write(
        "a RoleBinding", "CREATE rbac.authorization.k8s.io/rolebindings", "POST",
        f"{_RBAC}/namespaces/{{namespace}}/rolebindings",
        _object(_RBAC_VERSION, "RoleBinding", roleRef=_ADMIN, subjects=[_MYSELF]),
    ),
    _write(
        "a ClusterRoleBinding", "CREATE rbac.authorization.k8s.io/clusterrolebindings", "POST",
        f"{_RBAC}/clusterrolebindings",
        _object(_RBAC_VERSION, "ClusterRoleBinding", roleRef=_ADMIN, subjects=[_MYSELF]),
    ),
    _write(
        "a Role", "CREATE rbac.authorization.k8s.io/roles", "POST",
        f"{_RBAC}/namespaces/{{namespace}}/roles", _object(_RBAC_VERSION, "Role", rules=[]),
    ),
    _write(
        "its own ClusterRole changed", "UPDATE rbac.authorization.k8s.io/clusterroles", "PATCH",
        f"{_RBAC}/clusterroles/stashgen-controller", _ANNOTATION,
    ),
    _write(
        "a token of another ServiceAccount", "CREATE /serviceaccounts/token", "POST",
        f"{_CORE}/serviceaccounts/stashgen-worker/token",
        {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}},
    ),
    _write(
        "a ServiceAccount", "CREATE /serviceaccounts", "POST", f"{_CORE}/serviceaccounts",
        _object("v1", "ServiceAccount"),
    ),
    _write(
        "a client certificate", "CREATE certificates.k8s.io/certificatesigningrequests", "POST",
        "/apis/certificates.k8s.io/v1/certificatesigningrequests",
        _object("certificates.k8s.io/v1", "CertificateSigningRequest", spec=_CSR),
    ),
    _write(
        "a command in a pod (exec)", "CONNECT /pods/exec", "POST",
        f"{_CORE}/pods/app/exec?command=id&stdout=true",
    ),
    _write(
        "a pod's streams (attach)", "CONNECT /pods/attach", "POST",
        f"{_CORE}/pods/app/attach?stdout=true",
    ),
    _write(
        "a pod's ports", "CONNECT /pods/portforward", "POST", f"{_CORE}/pods/app/portforward",
    ),
    _write(
        "the API server as a proxy to a pod", "CONNECT /pods/proxy", "GET",
        f"{_CORE}/pods/app/proxy/",
    ),
    _write(
        "an ephemeral container", "UPDATE /pods/ephemeralcontainers", "PATCH",
        f"{_CORE}/pods/app/ephemeralcontainers", {"spec": {"ephemeralContainers": [_HELPER]}},
    ),
    _write("a pod deleted", "DELETE /pods", "DELETE", f"{_CORE}/pods/app"),
    _write(
        "a pod evicted", "CREATE /pods/eviction", "POST", f"{_CORE}/pods/app/eviction",
        {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "app"}},
    ),
    _write(
        "a Secret written", "CREATE /secrets", "POST", f"{_CORE}/secrets",
        _object("v1", "Secret", data={}),
    ),
    _write("a Secret deleted", "DELETE /secrets", "DELETE", f"{_CORE}/secrets/victim"),
    _write(
        "a ConfigMap", "CREATE /configmaps", "POST", f"{_CORE}/configmaps",
        _object("v1", "ConfigMap"),
    ),
    _write(
        "a volume's claim deleted", "DELETE /persistentvolumeclaims", "DELETE",
        f"{_CORE}/persistentvolumeclaims/victim",
    ),
    _write("a namespace changed", "UPDATE /namespaces", "PATCH", _CORE, _ANNOTATION),
    _write("a namespace deleted", "DELETE /namespaces", "DELETE", _CORE),
    _write(
        "a BackupConfiguration changed", "UPDATE core.kubestash.com/backupconfigurations",
        "PATCH", f"{_SESSIONS}/backupconfigurations/library", {"spec": {"paused": True}},
    ),
    _write(
        "a BackupSession changed", "UPDATE core.kubestash.com/backupsessions", "PATCH",
        f"{_SESSIONS}/backupsessions/{{session}}", _ANNOTATION,
    ),
    _write(
        "a Repository changed", "UPDATE storage.kubestash.com/repositories", "PATCH",
        f"{_STORAGE}/repositories/{{repository}}", {"spec": {"deletionPolicy": "WipeOut"}},
    ),
    _write(
        "a Repository deleted", "DELETE storage.kubestash.com/repositories", "DELETE",
        f"{_STORAGE}/repositories/{{repository}}",
    ),
    _write(
        "a BackupStorage deleted", "DELETE storage.kubestash.com/backupstorages", "DELETE",
        f"{_STORAGE}/backupstorages/local",
    ),
    _write(
        "a retention policy", "CREATE storage.kubestash.com/retentionpolicies", "POST",
        f"{_STORAGE}/retentionpolicies",
        _object("storage.kubestash.com/v1alpha1", "RetentionPolicy", spec={
            "successfulSnapshots": {"last": 1},
        }),
    ),
    _write(
        "one of our kinds redefined", "UPDATE apiextensions.k8s.io/customresourcedefinitions",
        "PATCH",
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/reviewedtemplates.stashgen.dev",
        _ANNOTATION,
    ),
    _write(
        "a webhook that sees every object",
        "CREATE admissionregistration.k8s.io/mutatingwebhookconfigurations", "POST",
        "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
        _object("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration",
                webhooks=[_WEBHOOK]),
    ),
    _write(
        "a BackupSession that cannot be deleted", "", "POST", f"{_SESSIONS}/backupsessions",
        _undeletable("core.kubestash.com/v1alpha1", "BackupSession"), refusal=FINALIZER,
    ),
    _write(
        "a Snapshot that cannot be deleted", "", "POST", f"{_STORAGE}/snapshots",
        _undeletable("storage.kubestash.com/v1alpha1", "Snapshot"), refusal=FINALIZER,
    ),
    _write(
        "a Lease of another name", "", "POST", f"{_LEASE}/stashgen-system/leases",
        _object("coordination.k8s.io/v1", "Lease"),
        refusal="the controller may only use its own Lease",
    ),
    _write(
        "a Lease of another user", "", "POST", f"{_LEASE}/{{namespace}}/leases",
        {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
         "metadata": {"name": "stashgen-controller"}},
        refusal="the controller may only use its own Lease",
    ),
)  # fmt: skip

ATTACKS = (*JOBS, *WRITES)

_POLICIES = "/apis/admissionregistration.k8s.io/v1"


def _beyond(name: str, verb: str, what: str, method: str, path: str, **headers: str) -> Attack:
    """A request that no admission policy is asked about: RBAC alone refuses it."""
    sent = {key.replace("_", "-"): value for key, value in headers.items()}

    def request(ground: Ground) -> Request:
        return Request(method, path.format(namespace=ground.namespace), headers=sent)

    return Attack(name, f'cannot {verb} resource "{what}"', request)


BEYOND_ADMISSION = (
    _beyond("a Secret read", "get", "secrets", "GET", f"{_CORE}/secrets/victim"),
    _beyond("all Secrets read", "list", "secrets", "GET", "/api/v1/secrets"),
    _beyond("a pod's log read", "get", "pods/log", "GET", f"{_CORE}/pods/app/log"),
    _beyond(
        "another user impersonated",
        "impersonate",
        "users",
        "GET",
        "/api/v1/secrets",
        Impersonate_User="system:admin",
    ),
    _beyond(
        "an admission policy deleted",
        "delete",
        "validatingadmissionpolicies",
        "DELETE",
        f"{_POLICIES}/validatingadmissionpolicies/stashgen-reviewed-jobs",
    ),
    _beyond(
        "a policy's binding deleted",
        "delete",
        "validatingadmissionpolicybindings",
        "DELETE",
        f"{_POLICIES}/validatingadmissionpolicybindings/stashgen-controller-writes",
    ),
    _beyond(
        "an admission policy of its own",
        "create",
        "validatingadmissionpolicies",
        "POST",
        f"{_POLICIES}/validatingadmissionpolicies",
    ),
    _beyond(
        "a policy that changes pods of other users",
        "create",
        "mutatingadmissionpolicies",
        "POST",
        "/apis/admissionregistration.k8s.io/v1beta1/mutatingadmissionpolicies",
    ),
)
