"""Where a Job's pod comes from: the reviewed PodTemplate in git, or the same resolver at run time.

For a rendered object only what git has applied counts. For plain KubeStash manifests Addon and
Function are resolved here by the functions that the compiler uses.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

from stashgen.api.addon import Addon
from stashgen.api.backup_configuration import Session
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.function import Function
from stashgen.api.labels import is_rendered, template_name
from stashgen.api.meta import ObjectMeta
from stashgen.api.repository import Repository
from stashgen.api.resources import (
    POD_TEMPLATES,
)
from stashgen.api.restore_session import RestoreSession
from stashgen.api.shared import AddonInfo, TaskReference
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.defaults import with_retention_defaults
from stashgen.kubestash.pods import templates
from stashgen.kubestash.pods.settings import settings_from_addon
from stashgen.kubestash.pods.templates import (
    COMPONENT,
    UnsupportedAddonError,
    UnsupportedStorageError,
)
from stashgen.kubestash.verbs import Template, Verb
from stashgen_controller.jobs.grants import grant_problem, no_storage
from stashgen_controller.jobs.restore_volumes import (
    names_own_key,
    not_reviewed,
    with_claim,
    with_key,
)
from stashgen_controller.listers.configurations import Use, retention_policy, uses_of
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.causes import Cause, not_applied
from stashgen_controller.runtime.conditions import find
from stashgen_controller.runtime.kind import Reader


class UnresolvedError(Exception):
    """Something that a pod is made of is missing or not supported; ``reason`` says what."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.text)
        self.reason = reason


def init_template(
    reader: Reader, repository: Repository, storage: BackupStorage | None
) -> JsonObject:
    """The pod that makes a repository's restic repositories, one for each session.

    Raises:
        UnresolvedError: something that it needs is missing or not supported.
    """
    if is_rendered(repository.metadata):
        return _required(reader, repository, Template.MAINTAIN)
    uses = uses_of(reader, repository)
    if not uses:
        text = "no BackupConfiguration has a session that writes here"
        raise UnresolvedError(Reason(Cause.NO_SESSION, text))
    sessions = sorted({use.session.name or "" for use in uses})
    return _maintain(reader, repository, storage, uses[0], sessions)


def retain_template(
    reader: Reader, repository: Repository, storage: BackupStorage | None, session: str
) -> JsonObject:
    """The pod that applies a session's own retention policy to what the session left.

    Raises:
        UnresolvedError: something that it needs is missing or not supported.
    """
    if is_rendered(repository.metadata):
        return _required(reader, repository, Template.MAINTAIN)
    found = [use for use in uses_of(reader, repository) if use.session.name == session]
    if not found:
        text = f"no BackupConfiguration has a session {session!r} that writes here"
        raise UnresolvedError(Reason(Cause.NO_SESSION, text))
    return _maintain(reader, repository, storage, found[0], [session])


def _maintain(
    reader: Reader,
    repository: Repository,
    storage: BackupStorage | None,
    use: Use,
    sessions: Sequence[str],
) -> JsonObject:
    storage = _granted(repository, storage)
    namespace = use.configuration.metadata.namespace or ""
    reference = use.retention_ref
    retention = retention_policy(reader, namespace, reference)
    if retention is None:
        name = reference.name if reference is not None else ""
        raise UnresolvedError(
            Reason(Cause.NO_RETENTION_POLICY, f"RetentionPolicy {name} does not exist")
        )
    try:
        return templates.maintain_template(
            repository=repository,
            storage=storage,
            sessions=sessions,
            retention=with_retention_defaults(retention).spec,
            # Who backs up owns the repository's files, so the same user has to maintain them.
            settings=settings_from_addon(use.session.addon, verb=Verb.BACKUP),
        )
    except UnsupportedStorageError as error:
        raise UnresolvedError(Reason(Cause.UNSUPPORTED_FIELD, str(error))) from error


def backup_template(
    reader: Reader, repository: Repository, storage: BackupStorage | None, session: Session
) -> JsonObject:
    """The pod that backs up a repository's target for a session.

    Raises:
        UnresolvedError: the PodTemplate, the Addon or the Function is missing or not supported.
    """
    if is_rendered(repository.metadata):
        return _required(reader, repository, Template.BACKUP)
    storage = _granted(repository, storage)
    addon, task, function = _task(reader, session.addon, Verb.BACKUP)
    with _named_refusals():
        return templates.backup_template(
            repository=repository,
            storage=storage,
            addon=addon,
            function=function,
            task=task,
            component=COMPONENT,
            settings=settings_from_addon(session.addon, verb=Verb.BACKUP),
        )


def restore_template(
    reader: Reader, repository: Repository, storage: BackupStorage | None, restore: RestoreSession
) -> JsonObject:
    """The pod that restores into a RestoreSession's target, with the key that it names.

    Raises:
        UnresolvedError: the PodTemplate, the Addon or the Function is missing or not supported.
    """
    target = restore.spec.target
    claim = target.name if target is not None else ""
    key = restore.spec.data_source.encryption_secret if restore.spec.data_source else None
    if is_rendered(repository.metadata):
        template = _required(reader, repository, Template.RESTORE)
        problem = not_reviewed(reader, repository, template, claim=claim, key=key)
        if problem is not None:
            raise UnresolvedError(problem)
        if key is not None and names_own_key(repository, key):
            template = with_key(template, key)
        return with_claim(template, claim)
    _require_compiled(repository)
    if key is not None:
        spec = repository.spec.model_copy(update={"encryption_secret": key})
        repository = repository.model_copy(update={"spec": spec})
    storage = _granted(repository, storage)
    addon, task, function = _task(reader, restore.spec.addon, Verb.RESTORE)
    with _named_refusals():
        template = templates.restore_template(
            repository=repository,
            storage=storage,
            addon=addon,
            function=function,
            task=task,
            component=COMPONENT,
            settings=settings_from_addon(restore.spec.addon, verb=Verb.RESTORE),
        )
    return with_claim(template, claim)


def _required(reader: Reader, repository: Repository, kind: Template) -> JsonObject:
    template = rendered_template(reader, repository.metadata, kind)
    if template is None:
        name = template_name(repository.metadata, kind) or f"for {kind}"
        raise UnresolvedError(not_applied(f"PodTemplate {name}"))
    return template


def _require_compiled(repository: Repository) -> None:
    """Strict mode has left its word on what it does not serve."""
    known = (
        find(repository.status.conditions, ConditionType.REPOSITORY_INITIALIZED)
        if repository.status
        else None
    )
    if known is not None and known.reason == Cause.NOT_COMPILED:
        text = f"Repository {repository.metadata.name}: {known.message}"
        raise UnresolvedError(Reason(Cause.NOT_COMPILED, text))


def _granted(repository: Repository, storage: BackupStorage | None) -> BackupStorage:
    """The storage, if the pod may use it from the repository's namespace."""
    problem = grant_problem(repository, storage)
    if storage is None or problem is not None:
        raise UnresolvedError(problem or no_storage(repository))
    return storage


def addon_problem(reader: Reader, info: AddonInfo | None, verb: Verb) -> Reason | None:
    """Why the Addon, its task or its Function cannot do a session's work."""
    try:
        _task(reader, info, verb)
    except UnresolvedError as error:
        return error.reason
    return None


@contextmanager
def _named_refusals() -> Iterator[None]:
    """Say what the resolver refuses by our names for it."""
    try:
        yield
    except UnsupportedAddonError as error:
        raise UnresolvedError(Reason(Cause.UNSUPPORTED_ADDON, str(error))) from error
    except UnsupportedStorageError as error:
        raise UnresolvedError(Reason(Cause.UNSUPPORTED_FIELD, str(error))) from error


def _task(
    reader: Reader, info: AddonInfo | None, verb: Verb
) -> tuple[Addon, TaskReference, Function]:
    if info is None or not info.tasks:
        raise UnresolvedError(Reason(Cause.UNSUPPORTED_ADDON, "no addon task is specified"))
    addon = reader.get(Addon, None, info.name or "")
    if addon is None:
        raise UnresolvedError(Reason(Cause.NO_ADDON, f"Addon {info.name} does not exist"))
    with _named_refusals():
        name = templates.function_name(addon, info.tasks[0], verb)
    function = reader.get(Function, None, name)
    if function is None:
        raise UnresolvedError(Reason(Cause.NO_FUNCTION, f"Function {name} does not exist"))
    with _named_refusals():
        templates.require_arguments_only(function)
    return addon, info.tasks[0], function


def rendered_template(reader: Reader, metadata: ObjectMeta, kind: Template) -> JsonObject | None:
    """The reviewed pod template of a rendered object, or None until git has applied it."""
    name = template_name(metadata, kind)
    if name is None:
        return None
    found = reader.stored(POD_TEMPLATES, metadata.namespace, name)
    return cast("JsonObject", found["template"]) if found is not None else None
