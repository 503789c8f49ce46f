"""Objects that are not Ready, unprotected or paused: lines of ``kubectl stashgen status``."""

from collections.abc import Iterable, Iterator

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import name_of, namespace_of
from stashgen.api.labels import OPT_OUT_ANNOTATION, RETIRED_ANNOTATION
from stashgen.api.repository import Repository
from stashgen.api.shared import ConditionStatus
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.kubectl.status.advice import next_command
from stashgen_controller.kubectl.status.diagnosis import (
    NOT_RECONCILED,
    UNSEEN,
    bad_conditions,
    why_not_ready,
)
from stashgen_controller.kubectl.status.entry import Entry, Section
from stashgen_controller.kubectl.status.view import View
from stashgen_controller.observability.coverage import ClaimCoverage
from stashgen_controller.runtime.conditions import find, is_true
from stashgen_controller.runtime.malformed import MalformedError


def malformed(view: View) -> Iterator[Entry]:
    """Objects that cannot be read, and so are in none of the other lines."""
    for model, readable in view.read.items():
        stored = view.reader.stored_items(model.resource)
        if len(stored) == len(readable):
            continue
        for obj in stored:
            namespace, name = namespace_of(obj), name_of(obj)
            try:
                view.reader.get(model, namespace, name)
            except MalformedError as error:
                kind = model.resource.kind
                yield Entry(
                    Section.NOT_READY,
                    namespace,
                    kind,
                    name,
                    f"{kind} {name}",
                    None,
                    "",
                    f"it cannot be read: {error.problems}",
                    f"kubectl edit {kind.lower()} {name} -n {namespace}",
                )


def not_ready(view: View) -> Iterator[Entry]:
    """Storages first; a Repository or configuration that waits for one is not listed again."""
    bad: set[tuple[str, str, str]] = set()
    for storage in view.storages:
        if storage.status is None or storage.status.phase != "Ready":
            bad.add(("BackupStorage", *storage.key))
            conditions = storage.status.conditions if storage.status is not None else ()
            yield _unready(view, "BackupStorage", storage, list(bad_conditions(conditions)))
    for repository in view.repositories:
        status = repository.status
        other_writer = status is not None and is_true(
            status.conditions, ConditionType.RESTORE_EXPECTED
        )
        unread = _not_resynced(repository)
        if status is not None and status.phase == "Ready" and not other_writer and not unread:
            continue
        bad.add(("Repository", *repository.key))
        if ("BackupStorage", *repository.storage_key) not in bad:
            conditions = status.conditions if status is not None else ()
            reasons = list(bad_conditions(conditions))
            if other_writer:
                expected = find(conditions, ConditionType.RESTORE_EXPECTED)
                text = expected.message if expected is not None else ""
                reasons = [f"{ConditionType.RESTORE_EXPECTED}: {text}"]
            if unread and unread not in reasons:
                reasons.append(unread)
            yield _unready(view, "Repository", repository, reasons)
    for configuration in view.configurations:
        why = why_not_ready(configuration, view.now)
        if not why or _waits_for(configuration, bad):
            continue
        yield _unready(
            view,
            "BackupConfiguration",
            configuration,
            [why],
        )


def _not_resynced(repository: Repository) -> str:
    """Why the Snapshots of a Repository cannot be read back from the bucket; empty if they can."""
    conditions = repository.status.conditions if repository.status is not None else ()
    found = find(conditions, ConditionType.SNAPSHOTS_RESYNCED)
    if found is None or found.status is not ConditionStatus.FALSE:
        return ""
    return f"its Snapshots could not be read back from the bucket: {found.message}"


def _waits_for(configuration: BackupConfiguration, bad: Iterable[tuple[str, str, str]]) -> bool:
    namespace = configuration.metadata.namespace or ""
    needed = {("Repository", namespace, name) for name in configuration.repository_names}
    for backend in configuration.spec.backends:
        ref = backend.storage_ref
        if ref is not None:
            needed.add(("BackupStorage", ref.namespace or namespace, ref.name))
    return not needed.isdisjoint(bad)


def _unready(
    view: View,
    kind: str,
    obj: BackupStorage | Repository | BackupConfiguration,
    reasons: list[str],
) -> Entry:
    namespace, name = obj.key
    made = obj.metadata.creation_timestamp
    if not reasons:
        unseen = made is not None and view.now - made > UNSEEN
        reasons = [NOT_RECONCILED if unseen else "it was just created"]
    why = "; ".join(dict.fromkeys(reasons))
    if isinstance(obj, BackupStorage):
        command = f"kubectl describe backupstorage {name} -n {namespace}"
    elif isinstance(obj, Repository):
        command = next_command(why, view.place(namespace, view.owner(obj.key) or name, name))
    else:
        command = next_command(why, view.place(namespace, name))
    return Entry(Section.NOT_READY, namespace, kind, name, f"{kind} {name}", made, "", why, command)


def unprotected(view: View) -> Iterator[Entry]:
    """Claims that are neither backed up nor opted out."""
    for claim in view.claims:
        if claim.is_open:
            yield Entry(
                Section.UNPROTECTED,
                claim.namespace,
                "PersistentVolumeClaim",
                claim.name,
                claim.name,
                claim.claim.metadata.creation_timestamp,
                requested(claim),
                f"no BackupConfiguration targets it, and no annotation {OPT_OUT_ANNOTATION} says "
                "why it needs no backup",
                f"kubectl describe pvc {claim.name} -n {claim.namespace}",
            )


def left_over(view: View) -> Iterator[Entry]:
    """Repositories that nothing writes to any more, though nobody retired their volume in Git."""
    listed = {(claim.namespace, claim.name) for claim in view.claims if claim.is_open}
    excused = {(claim.namespace, claim.name) for claim in view.claims if claim.opt_out}
    for repository in view.repositories:
        namespace, name = repository.key
        app = repository.spec.app_ref
        volume = (namespace, app.name if app is not None else "")
        is_retired = RETIRED_ANNOTATION in (repository.metadata.annotations or {})
        if is_retired or view.owner(repository.key) or volume in listed | excused:
            continue
        if any(view.is_target(item, volume) for item in view.configurations):
            continue
        yield Entry(
            Section.UNPROTECTED,
            namespace,
            "Repository",
            name,
            f"{volume[1]} in {name}",
            repository.metadata.creation_timestamp,
            (repository.status.size if repository.status is not None else None) or "",
            "no BackupConfiguration backs it up any more; its restore points still exist",
            f"kubectl stashgen snapshots {name} -n {namespace}",
        )


def requested(claim: ClaimCoverage) -> str:
    """The size that a claim requests."""
    resources = claim.claim.spec.resources
    return str(((resources.requests if resources else None) or {}).get("storage") or "")


def paused(view: View) -> Iterator[Entry]:
    """Configurations that were paused on purpose."""
    for configuration in view.configurations:
        if configuration.spec.paused:
            namespace, name = configuration.key
            yield Entry(
                Section.PAUSED,
                namespace,
                "BackupConfiguration",
                name,
                name,
                None,
                "",
                "spec.paused is true: no session starts",
                f"kubectl stashgen status {name} -n {namespace}",
            )
