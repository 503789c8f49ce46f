"""The children of a plain BackupConfiguration: make, change and remove exactly the owned ones.

The same functions of ``stashgen.kubestash`` render them into git for a compiled configuration,
whose children are never touched here.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import cast

from stashgen.api.backup_configuration import Session, SessionRepository
from stashgen.api.base import JsonObject, name_of, uid_of
from stashgen.api.labels import is_rendered
from stashgen.api.repository import Repository
from stashgen.api.resources import CRON_JOBS, REPOSITORIES, SERVICE_ACCOUNTS
from stashgen.kubestash.children import repository_for, trigger_cron_job
from stashgen.kubestash.pods.settings import (
    TRIGGER_ACCOUNT,
    WORKER_ACCOUNT,
    settings_from_scheduler,
)
from stashgen_controller.jobs.manifest import owner_of
from stashgen_controller.kinds.backup_configuration.observe import Observed
from stashgen_controller.runtime.decision import Action, Create, Delete, Patch

# What we wrote last: a field that we do not write any more can only be taken away by knowing that.
SPEC_DIGEST_ANNOTATION = "stashgen.dev/spec-digest"


def ensure_children(seen: Observed) -> list[Action]:
    """Make what is missing, change what differs, remove what no session wants any more."""
    return [*_accounts(seen), *_repositories(seen), *_cron_jobs(seen)]


def moved_repositories(seen: Observed) -> list[str]:
    """Repositories whose place is not the one that the sessions name: a path never changes."""
    found = []
    for item in _wanted_repositories(seen):
        existing = seen.repositories.get(item.name or "")
        if existing is None:
            continue
        wanted, actual = (item.directory or "").strip("/"), (existing.spec.path or "").strip("/")
        if wanted and wanted != actual:
            found.append(
                f"repository {item.name!r} is at {actual!r} and cannot be moved to {wanted!r}: "
                "another directory needs another repository name"
            )
    return list(dict.fromkeys(found))


def _accounts(seen: Observed) -> Iterator[Action]:
    for name in (TRIGGER_ACCOUNT, WORKER_ACCOUNT):
        if name not in seen.accounts:
            yield Create(SERVICE_ACCOUNTS, _account(seen.namespace, name))


def _account(namespace: str, name: str) -> JsonObject:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": "kubestash.com"},
        },
        "automountServiceAccountToken": False,
    }


def _wanted_repositories(seen: Observed) -> Iterator[SessionRepository]:
    for session in seen.configuration.spec.sessions:
        yield from session.repositories or ()


def _repositories(seen: Observed) -> Iterator[Action]:
    """A Repository outlives its configuration, so it has no owner; it is kept in step."""
    done = set()
    for item in _wanted_repositories(seen):
        if item.name in done:
            continue
        done.add(item.name)
        wanted = repository_for(seen.configuration, item)
        existing = seen.repositories.get(item.name or "")
        if existing is None:
            yield Create(REPOSITORIES, wanted)
        elif not is_rendered(existing.metadata):
            changed = _changed(existing, cast("JsonObject", wanted["spec"]))
            if changed:
                yield Patch(REPOSITORIES, seen.namespace, item.name or "", {"spec": changed})


def _changed(existing: Repository, wanted: JsonObject) -> JsonObject:
    """What may change of a Repository: the name of its key and its deletion policy."""
    actual = existing.spec.to_wire()
    fields = ("encryptionSecret", "deletionPolicy")
    return {
        key: wanted[key]
        for key in fields
        if key in wanted and not _contains(actual.get(key), wanted[key])
    }


def _cron_jobs(seen: Observed) -> Iterator[Action]:
    wanted = {}
    for session in seen.configuration.spec.sessions:
        manifest = cron_job(seen, session)
        wanted[name_of(manifest)] = manifest
    for name, manifest in wanted.items():
        existing = seen.cron_jobs.get(name)
        if existing is None:
            yield Create(CRON_JOBS, manifest)
        elif seen.is_owned(existing):
            body = _difference(existing, manifest)
            if body:
                yield Patch(CRON_JOBS, seen.namespace, name, body)
    for name, existing in seen.cron_jobs.items():
        if name not in wanted and seen.is_owned(existing):
            yield Delete(CRON_JOBS, seen.namespace, name, uid_of(existing))


def cron_job(seen: Observed, session: Session) -> JsonObject:
    """The CronJob of a session, owned by the configuration."""
    scheduler = session.scheduler
    template = scheduler.job_template.template if scheduler is not None else None
    manifest = trigger_cron_job(seen.configuration, session, settings_from_scheduler(template))
    metadata = cast("JsonObject", manifest["metadata"])
    added: JsonObject = {
        "ownerReferences": [owner_of(seen.configuration).reference()],
        "annotations": {SPEC_DIGEST_ANNOTATION: _digest(manifest["spec"])},
    }
    return {**manifest, "metadata": metadata | added}


def _difference(existing: JsonObject, manifest: JsonObject) -> JsonObject:
    """The merge patch that makes a CronJob what we want; empty where it is so already."""
    metadata = cast("JsonObject", existing["metadata"])
    annotations = cast("Mapping[str, str]", metadata.get("annotations") or {})
    wanted = cast("JsonObject", cast("JsonObject", manifest["metadata"])["annotations"])
    spec = cast("JsonObject", manifest["spec"])
    if annotations.get(SPEC_DIGEST_ANNOTATION) == wanted[SPEC_DIGEST_ANNOTATION]:
        # Only what somebody else changed; what the API server adds is no difference.
        return {} if _contains(existing.get("spec"), spec) else {"spec": spec}
    cleared = _with_nulls(existing.get("spec"), spec)
    return {"metadata": {"annotations": wanted}, "spec": cleared}


def _with_nulls(existing: object, wanted: JsonObject) -> JsonObject:
    """The wanted fields, and null for those that are there and are not wanted any more."""
    there = existing if isinstance(existing, dict) else {}
    merged: JsonObject = dict.fromkeys(there)
    for key, value in wanted.items():
        merged[key] = _with_nulls(there.get(key), value) if isinstance(value, dict) else value
    return merged


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _contains(existing: object, wanted: object) -> bool:
    """Whether every field that we write has our value."""
    if isinstance(wanted, dict):
        return isinstance(existing, dict) and all(
            _contains(existing.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return (
            isinstance(existing, list)
            and len(existing) == len(wanted)
            and all(map(_contains, existing, wanted))
        )
    return existing == wanted
