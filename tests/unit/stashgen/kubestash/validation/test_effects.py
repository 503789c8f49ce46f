"""Every field that people may write is refused, shows in what is made of it, or has its own test.

A distinctive value is put into one field after the other. A field that is neither refused nor seen
in a pod, a CronJob or a Repository does nothing, unless it decides something: then the table names
the test that shows what.
"""

import copy
import json
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import cache

import pytest
from pydantic.fields import FieldInfo

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject, Model, list_of, mapping_of
from stashgen.api.meta import Kind
from stashgen.api.repository import Repository
from stashgen.api.restore_session import RestoreSession
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.kubestash import addons
from stashgen.kubestash.addons import BACKUP_TASK, RESTORE_TASK
from stashgen.kubestash.children import repository_for, trigger_cron_job
from stashgen.kubestash.pods import templates
from stashgen.kubestash.pods.settings import (
    settings_from_addon,
    settings_from_scheduler,
    settings_from_storage,
)
from stashgen.kubestash.validation import supported
from stashgen.kubestash.validation.supported import unsupported
from stashgen.kubestash.verbs import Verb
from tests.support import one_volume
from tests.support.place import ROOT

_MARK = "mark4711"
_NUMBER = 4711
_KEY: JsonObject = {"name": "restic-key", "namespace": "demo"}
_S3: JsonObject = {
    "provider": "s3",
    "s3": {"bucket": "corp-backup", "prefix": "a", "region": "eu-1", "secretName": "keys"},
}
_RESTORE: JsonObject = {
    "metadata": {"name": "back", "namespace": "demo"},
    "spec": {
        "target": {"apiGroup": "", "kind": "PersistentVolumeClaim", "name": "library"},
        "dataSource": {"repository": "local-k3f9q", "snapshot": "latest"},
        "addon": {"name": "pvc-addon", "tasks": [{"name": "logical-backup-restore"}]},
    },
}
_USAGE = "test_selector_is_read_as_kubernetes_reads_it"
_SCOPE = "test_scope_says_who_may_refer"
_DEFAULT = "test_default_is_searched_in_kubestashs_order"
_FOUND = "test_a_restore_reads_the_snapshot_and_says_which"
_SELECTOR = "usagePolicy.allowedNamespaces.selector"
# They connect a session to a backend: without the other one there is no storage any more.
_CONNECT = frozenset({"backends[].name", "sessions[].repositories[].backend"})
# Fields that decide something instead of being copied: the test that shows what.
_DECIDES: Mapping[str, str] = {
    "BackupStorage.usagePolicy.allowedNamespaces.from": _SCOPE,
    f"BackupStorage.{_SELECTOR}.matchLabels": _USAGE,
    f"BackupStorage.{_SELECTOR}.matchExpressions[].key": _USAGE,
    f"BackupStorage.{_SELECTOR}.matchExpressions[].operator": _USAGE,
    f"BackupStorage.{_SELECTOR}.matchExpressions[].values[]": _USAGE,
    "BackupStorage.default": _DEFAULT,
    # Its data stays: that is what Delete means, and WipeOut is refused.
    "BackupStorage.deletionPolicy": "test_default_values_and_what_is_implemented_are_not_told",
    "RetentionPolicy.usagePolicy.allowedNamespaces.from": _SCOPE,
    f"RetentionPolicy.{_SELECTOR}.matchLabels": _USAGE,
    f"RetentionPolicy.{_SELECTOR}.matchExpressions[].key": _USAGE,
    f"RetentionPolicy.{_SELECTOR}.matchExpressions[].operator": _USAGE,
    f"RetentionPolicy.{_SELECTOR}.matchExpressions[].values[]": _USAGE,
    "RetentionPolicy.default": _DEFAULT,
    "Repository.storageRef.name": "test_a_repository_is_not_ready_without_the_grant_of_its_storage",
    "Repository.deletionPolicy": "test_default_values_and_what_is_implemented_are_not_told",
    "Repository.paused": "test_a_paused_repository_is_left_out",
    "BackupConfiguration.backends[].retentionPolicy.name": (
        "test_each_session_has_its_own_retention_policy"
    ),
    "BackupConfiguration.backends[].retentionPolicy.namespace": "test_usage_policies_are_asked",
    "BackupConfiguration.sessions[].retryConfig.maxRetry": (
        "test_a_job_that_somebody_deletes_is_lost_and_tried_again_within_the_budget"
    ),
    "BackupConfiguration.sessions[].retryConfig.delay": (
        "test_a_transient_failure_is_tried_again_after_the_delay"
    ),
    "BackupConfiguration.sessions[].backupTimeout": "test_after_the_deadline_no_job_is_made",
    "BackupConfiguration.sessions[].sessionHistoryLimit": (
        "test_history_keeps_the_newest_and_skipped_sessions_do_not_push_them_out"
    ),
    "BackupConfiguration.sessions[].addon.name": (
        "test_a_missing_addon_is_shown_and_its_sessions_wait_for_it"
    ),
    # The data stays with all of them, and so does the Repository; WipeOut is refused.
    "BackupConfiguration.sessions[].repositories[].deletionPolicy": (
        "test_deleting_the_configuration_takes_its_cron_jobs_and_keeps_history"
    ),
    "RestoreSession.target.name": ("test_a_restore_into_another_claim_replaces_only_the_claim"),
    "RestoreSession.dataSource.repository": _FOUND,
    "RestoreSession.dataSource.snapshot": _FOUND,
    "RestoreSession.dataSource.encryptionSecret.name": (
        "test_a_restore_reads_with_the_key_that_it_names"
    ),
    "RestoreSession.addon.name": "test_a_restore_needs_its_addon",
    "RestoreSession.restoreTimeout": "test_a_restore_waits_for_its_claim_until_its_deadline",
}


@dataclass(frozen=True, slots=True)
class Written:
    """The objects of one volume as somebody wrote them."""

    storage: BackupStorage
    repository: Repository
    configuration: BackupConfiguration
    restore: RestoreSession
    retention: RetentionPolicy

    def made(self) -> Mapping[str, JsonObject]:
        """Everything that is made of them, as the controller and the compiler make it."""
        (session,) = self.configuration.spec.sessions
        (target,) = session.repositories or ()
        assert session.addon is not None
        assert self.restore.spec.addon is not None
        task, restore_task = (
            (session.addon.tasks or ())[0],
            (self.restore.spec.addon.tasks or ())[0],
        )
        scheduler = session.scheduler
        template = scheduler.job_template.template if scheduler is not None else None
        storage, repository = self.storage, self.repository
        settings = settings_from_addon(session.addon, verb=Verb.BACKUP)
        return {
            "init-storage": templates.init_storage_template(
                storage, settings_from_storage(storage)
            ),
            "maintain": templates.maintain_template(
                repository=repository,
                storage=storage,
                sessions=(session.name or "",),
                retention=self.retention.spec,
                settings=settings,
            ),
            "backup": templates.backup_template(
                repository=repository,
                storage=storage,
                addon=addons.pvc_addon(),
                function=addons.pvc_backup(),
                task=task,
                component="dump",
                settings=settings,
            ),
            "restore": templates.restore_template(
                repository=repository,
                storage=storage,
                addon=addons.pvc_addon(),
                function=addons.pvc_restore(),
                task=restore_task,
                component="dump",
                settings=settings_from_addon(self.restore.spec.addon, verb=Verb.RESTORE),
            ),
            "trigger": trigger_cron_job(
                self.configuration, session, settings_from_scheduler(template)
            ),
            "repository": repository_for(self.configuration, target),
        }


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a spec.

    Attributes:
        kind: Of the object.
        path: As people write it; ``[]`` is an entry of a list.
        value: A distinctive one.
        obj: The object with it.
    """

    kind: str
    path: str
    value: object
    obj: Kind

    @property
    def name(self) -> str:
        """The kind and the path."""
        return f"{self.kind}.{self.path}"

    def __str__(self) -> str:
        return f"{self.kind}.{self.path}={self.value}"


def _bases() -> Mapping[str, Sequence[JsonObject]]:
    configuration = one_volume.configuration().to_wire()
    storage = one_volume.storage().to_wire()
    bucket = {**storage, "spec": {"storage": _S3}}
    return {
        "BackupStorage": [storage, typing.cast("JsonObject", bucket)],
        "Repository": [one_volume.repository().to_wire()],
        "BackupConfiguration": [configuration],
        "RestoreSession": [_RESTORE],
        "RetentionPolicy": [one_volume.retention().to_wire()],
    }


_KINDS: Mapping[str, type[Kind]] = {
    "BackupStorage": BackupStorage,
    "Repository": Repository,
    "BackupConfiguration": BackupConfiguration,
    "RestoreSession": RestoreSession,
    "RetentionPolicy": RetentionPolicy,
}


def _types(annotation: object) -> Iterator[tuple[type[object], bool]]:
    """The types that a field takes, and whether it is a list of them."""
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if origin in {typing.Union, types.UnionType}:
        for item in arguments:
            if item is not type(None):
                yield from _types(item)
    elif origin is tuple:
        yield from ((found, True) for found, _ in _types(arguments[0]))
    elif origin is typing.Annotated:
        yield from _types(arguments[0])
    else:
        found = origin or annotation
        assert isinstance(found, type)
        yield found, False


def _values(type_: type[object], known: object) -> Iterator[object]:
    """Distinctive values of a type."""
    if issubclass(type_, Enum):
        yield from (item.value for item in type_)
    elif type_ is bool:
        # False is what Kubernetes does without a word.
        yield True
    elif issubclass(type_, int):
        yield _NUMBER
    elif type_ is datetime:
        yield "2047-11-04T07:11:00Z"
    elif issubclass(type_, dict):
        before = known if isinstance(known, dict) else {}
        yield {**before, "name": _MARK, _MARK: _MARK}
    else:
        yield _MARK


def _fields(model: type[Model], known: JsonObject) -> Iterator[tuple[str, object, object]]:
    """Path and value of each field below a model, and the model's data with that value."""
    for name, info in model.model_fields.items():
        alias = info.alias or name
        for type_, is_list in _types(info.annotation):
            held = known.get(alias)
            first = held[0] if is_list and isinstance(held, list) and held else held
            path = f"{alias}[]" if is_list else alias
            if issubclass(type_, Model):
                inner = first if isinstance(first, dict) else _required(type_)
                found = [
                    (f"{path}.{sub}", value, data) for sub, value, data in _fields(type_, inner)
                ]
            else:
                found = [(path, value, value) for value in _values(type_, first)]
            for where, value, data in found:
                yield where, value, {**known, alias: [data] if is_list else data}


def _required(model: type[Model]) -> JsonObject:
    """What a block needs to be one at all."""
    needed = {
        info.alias or name: info for name, info in model.model_fields.items() if info.is_required()
    }
    return {alias: _plain(info) for alias, info in needed.items()}


def _plain(info: FieldInfo) -> typing.Any:
    type_, _ = next(iter(_types(info.annotation)))
    return _required(type_) if issubclass(type_, Model) else "x"


def _every_field() -> Iterator[Field]:
    seen = set()
    for kind, bases in _bases().items():
        model = _KINDS[kind]
        (spec, _), *_ = _types(model.model_fields["spec"].annotation)
        assert issubclass(spec, Model)
        for base in bases:
            known = typing.cast("JsonObject", base["spec"])
            for path, value, data in _fields(spec, known):
                if (kind, path, str(value)) not in seen and _belongs(base, path):
                    seen.add((kind, path, str(value)))
                    yield Field(kind, path, value, model.from_wire({**base, "spec": data}))


def _belongs(base: JsonObject, path: str) -> bool:
    """Whether a field of a provider's block is put into a storage of that provider."""
    storage = mapping_of(mapping_of(base, "spec"), "storage")
    others = {"local", "s3"} - {storage.get("provider")}
    return not any(path.startswith(f"storage.{provider}.") for provider in others)


def _written(field: Field | None = None) -> Written:
    bases = _bases()
    found = Written(
        BackupStorage.from_wire(bases["BackupStorage"][0]),
        Repository.from_wire(bases["Repository"][0]),
        BackupConfiguration.from_wire(bases["BackupConfiguration"][0]),
        RestoreSession.from_wire(_RESTORE),
        RetentionPolicy.from_wire(bases["RetentionPolicy"][0]),
    )
    match field.obj if field is not None else None:
        case BackupStorage() as storage:
            return replace(found, storage=storage)
        case Repository() as repository:
            return replace(found, repository=repository)
        case BackupConfiguration() as configuration:
            return replace(found, configuration=configuration)
        case RestoreSession() as restore:
            return replace(found, restore=restore)
        case RetentionPolicy() as retention:
            return replace(found, retention=retention)
        case _:
            return found


_FIELDS = tuple(_every_field())


@cache
def _tests() -> str:
    """All tests, to look for one."""
    return "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))


def _changed(field: Field) -> Mapping[str, JsonObject]:
    """What is made otherwise because of a field."""
    before, after = _written(), _written(field)
    if field.path.startswith("storage.s3."):
        bucket = BackupStorage.from_wire(_bases()["BackupStorage"][1])
        before = replace(before, storage=bucket)
    known = before.made()
    return {name: item for name, item in after.made().items() if item != known[name]}


def _is_default(field: Field) -> bool:
    """A value that Kubernetes has anyway is no wish."""
    return supported._DEFAULTS.get(field.path.rpartition(".")[2]) == field.value


@pytest.mark.parametrize("field", _FIELDS, ids=str)
def test_field_is_refused_or_does_something(field: Field) -> None:
    if unsupported(field.obj) or field.name in _DECIDES or _is_default(field):
        return
    changed = _changed(field)
    assert changed, "nothing is made otherwise: refuse the field, or name the test of its effect"
    shown = json.dumps(list(changed.values()))
    mark = field.value if isinstance(field.value, str | int) else _MARK
    assert field.value is True or field.path in _CONNECT or str(mark) in shown


@pytest.mark.parametrize(("path", "test"), _DECIDES.items())
def test_field_that_decides_something_has_a_test(path: str, test: str) -> None:
    assert path in {field.name for field in _FIELDS}
    assert f"def {test}(" in _tests()


# Fields of the lists of what is supported, and where each has to show.
_POD = {"maintain", "backup"}
_BLOCKS: Mapping[str, tuple[frozenset[str], set[str]]] = {
    "BackupConfiguration.sessions[].addon.jobTemplate.spec.": (supported._TEMPLATE_SPEC, _POD),
    "BackupConfiguration.sessions[].addon.containerRuntimeSettings.": (
        supported._RUNTIME_CONTAINER,
        _POD,
    ),
    "BackupConfiguration.sessions[].scheduler.jobTemplate.template.spec.": (
        supported._TEMPLATE_SPEC,
        {"trigger"},
    ),
    "BackupConfiguration.sessions[].scheduler.jobTemplate.": (
        supported._TRIGGER_JOB - {"template"},
        {"trigger"},
    ),
    "RestoreSession.addon.jobTemplate.spec.": (supported._TEMPLATE_SPEC, {"restore"}),
    "RestoreSession.addon.containerRuntimeSettings.": (supported._RUNTIME_CONTAINER, {"restore"}),
    "BackupStorage.runtimeSettings.pod.": (supported._RUNTIME_POD, {"init-storage"}),
    "BackupStorage.runtimeSettings.container.": (supported._RUNTIME_CONTAINER, {"init-storage"}),
}


@pytest.mark.parametrize("block", _BLOCKS)
def test_supported_setting_reaches_every_pod_that_it_is_for(block: str) -> None:
    names, pods = _BLOCKS[block]
    found = {
        field.name.removesuffix("[]"): field for field in _FIELDS if not unsupported(field.obj)
    }
    for name in names:
        assert set(_changed(found[f"{block}{name}"])) == pods, name


# What else than a word a parameter of a task takes.
_PARAMETERS = {
    "enableCache": "false",
    "onUnreadable": "warn",
    "paths": f"/kubestash-data/{_MARK}",
    "scratchDir": f"/{_MARK}",
}


@pytest.mark.parametrize("task", [BACKUP_TASK, RESTORE_TASK])
def test_every_parameter_of_a_task_is_an_argument_of_its_worker(task: str) -> None:
    is_backup = task == BACKUP_TASK
    kind = "BackupConfiguration" if is_backup else "RestoreSession"
    for name in supported._parameters(task):
        value = _PARAMETERS.get(name, _MARK)
        written = _with_parameter(kind, name, value)
        assert unsupported(written.obj) == ()
        changed = _changed(written)
        assert set(changed) == {"backup" if is_backup else "restore"}, name
        assert value in json.dumps(changed)


def _with_parameter(kind: str, name: str, value: str) -> Field:
    base = copy.deepcopy(_bases()[kind][0])
    spec = mapping_of(base, "spec")
    session = list_of(spec, "sessions")[0] if kind == "BackupConfiguration" else spec
    (task,) = list_of(mapping_of(session, "addon"), "tasks")
    task["params"] = {**mapping_of(task, "params"), name: value}
    return Field(kind, f"params.{name}", value, _KINDS[kind].from_wire(base))
