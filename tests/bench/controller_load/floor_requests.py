"""The requests of the floor: for each session as many of each kind as the controller made.

Their bodies are the stored objects of that session under other names, so that sizes are right.
"""

from collections import defaultdict
from collections.abc import Mapping

from stashgen.api import resources as known
from stashgen.api.resources import Resource
from tests.bench.controller_load.progress import Key
from tests.bench.controller_load.raw_api import Json, RawApi

RESOURCES = {
    resource.plural: resource
    for resource in (
        *known.CUSTOM,
        known.NAMESPACES,
        known.PODS,
        known.POD_TEMPLATES,
        known.PERSISTENT_VOLUME_CLAIMS,
        known.SERVICE_ACCOUNTS,
        known.EVENTS,
        known.JOBS,
        known.CRON_JOBS,
    )
}
# One object of each for a session, under its plural.
Models = Mapping[str, list[Json]]
_MODELLED = (
    known.BACKUP_SESSIONS,
    known.SNAPSHOTS,
    known.JOBS,
    known.EVENTS,
    known.REPOSITORIES,
    known.BACKUP_CONFIGURATIONS,
    known.BACKUP_STORAGES,
)
_OF_SERVER = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields")
# What the API server itself adds to a Job, and accepts from nobody else.
_OF_JOB = frozenset(
    f"{prefix}{label}"
    for prefix in ("", "batch.kubernetes.io/")
    for label in ("controller-uid", "job-name")
)
ORDER = {"create": 0, "list": 1, "patch": 2, "update": 3, "get": 4, "delete": 5}


def is_possible(kind: str, models: Models) -> bool:
    """Whether requests of a kind can be made from what there is of a session."""
    verb, _, rest = kind.partition(" ")
    if verb not in ORDER or "->" in kind:
        return False
    plural = rest.partition("/")[0]
    # What a namespace has is asked for where there is none of it, too.
    return plural in RESOURCES if verb == "list" else plural in models


def request_of(kind: str, models: Models, name: str, step: int) -> Json:
    """One request.

    Args:
        kind: Verb and resource, as the audit log has them.
        models: What the session has.
        name: Of the session in this round.
        step: Counts the requests of the kind.
    """
    verb, _, rest = kind.partition(" ")
    plural, _, part = rest.partition("/")
    if verb == "list":
        namespace = models[known.BACKUP_SESSIONS.plural][0]["metadata"]["namespace"]
        return {"verb": verb, "plural": plural, "namespace": namespace, "name": "", "part": ""}
    model = models[plural][step % len(models[plural])]
    # An object that is changed is changed again, as a session's status is; others come once.
    own = f"{name}-{verb}-{step}" if verb in {"create", "delete"} else name
    fresh = _fresh(model, own)
    request: Json = {
        "verb": verb,
        "plural": plural,
        "namespace": model["metadata"]["namespace"],
        "name": own,
        "part": part,
        "target": fresh,
    }
    changed = _changed({**fresh, "status": model.get("status")}, step)
    match verb:
        case "create":
            return request | {"body": fresh}
        case "update":
            return request | {"body": changed}
        case "patch" if part:
            return request | {"body": {"status": changed["status"]}}
        case "patch":
            return request | {"body": {"metadata": {"annotations": {"bench": str(step)}}}}
        case _:
            return request


def _changed(obj: Json, step: int) -> Json:
    """With another status each time: the server does not store what it has already."""
    status = obj.get("status")
    if not status or not status.get("conditions"):
        return obj
    first, *rest = status["conditions"]
    conditions = [first | {"message": f"{first.get('message', '')} {step}"}, *rest]
    return {**obj, "status": status | {"conditions": conditions}}


def _fresh(model: Json, name: str) -> Json:
    """An object as it was created, under another name."""
    metadata = {key: value for key, value in model["metadata"].items() if key not in _OF_SERVER}
    fresh = {key: value for key, value in model.items() if key != "status"}
    fresh["metadata"] = metadata | {"name": name}
    if model["kind"] == "Job":
        fresh["metadata"] = _without_job_labels(fresh["metadata"])
        template = model["spec"]["template"]
        given = template | {"metadata": _without_job_labels(template["metadata"])}
        spec = {key: value for key, value in model["spec"].items() if key != "selector"}
        fresh["spec"] = spec | {"template": given}
    return fresh


def _without_job_labels(metadata: Json) -> Json:
    labels = {key: value for key, value in metadata["labels"].items() if key not in _OF_JOB}
    return metadata | {"labels": labels}


def models_of(api: RawApi, sessions: list[Key]) -> list[Models]:
    """What belongs to each session."""
    stored = {resource.plural: _items(api, resource) for resource in _MODELLED}
    by_key = {
        plural: {(item["metadata"]["namespace"], item["metadata"]["name"]): item for item in items}
        for plural, items in stored.items()
    }
    jobs: defaultdict[str, list[Json]] = defaultdict(list)
    for job in stored["jobs"]:
        jobs[job["metadata"]["ownerReferences"][0]["uid"]].append(job)
    events: defaultdict[str, list[Json]] = defaultdict(list)
    for event in stored["events"]:
        events[event["involvedObject"]["uid"]].append(event)
    snapshots = {
        (item["metadata"]["namespace"], item["spec"]["backupSession"]): item
        for item in stored["snapshots"]
    }
    found: list[Models] = []
    for key in sessions:
        session, snapshot = by_key["backupsessions"][key], snapshots[key]
        uid = session["metadata"]["uid"]
        repository = by_key["repositories"][key[0], snapshot["spec"]["repository"]]
        invoker = (key[0], session["spec"]["invoker"]["name"])
        storage = repository["spec"]["storageRef"]
        models = {
            "backupsessions": [session],
            "snapshots": [snapshot],
            "jobs": jobs[uid],
            "events": events[uid],
            "repositories": [repository],
            "backupconfigurations": [by_key["backupconfigurations"][invoker]],
            "backupstorages": [by_key["backupstorages"][storage["namespace"], storage["name"]]],
        }
        found.append({plural: items for plural, items in models.items() if items})
    return found


def _items(api: RawApi, resource: Resource) -> list[Json]:
    items, _ = api.items(resource.path())
    return [{"apiVersion": resource.api_version, "kind": resource.kind} | item for item in items]
