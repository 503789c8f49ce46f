"""The pass itself: documents to validated objects."""

from collections.abc import Iterator, Mapping
from itertools import chain
from types import MappingProxyType
from typing import get_args

from stashgen.api.base import Model
from stashgen.api.restore_request import RestoreRequest
from stashgen.api.retention_policy import RetentionPolicy, RetentionPolicySpec
from stashgen.diagnostics import Finding, Outcome, quote
from stashgen.kubestash.validation.storages import validate_retention_policy
from stashgen.model.source import Authored, PolicySet, Source
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.policy.guardrail import Guardrail
from stashgen.policy.project import Project
from stashgen.policy.storage import Storage
from stashgen.validate.fields import field_findings
from stashgen.validate.references import Documents, reference_findings
from stashgen.validate.secret_data import inventory_secret_findings, secret_findings
from stashgen.validate.shape import misfit_findings, parse
from stashgen.validate.tool_version import version_findings
from stashgen.validate.unsupported import KUBESTASH_GROUPS
from stashgen.validate.walk import Code, error, value_at
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_OURS = "stashgen.dev/"
_STORAGE_GROUP = "storage.kubestash.com/"
_MODELS: Mapping[str, type[Model]] = MappingProxyType(
    {
        "Project": Project,
        "Storage": Storage,
        "BackupPolicy": BackupPolicy,
        "Guardrail": Guardrail,
        "RetentionPolicy": RetentionPolicy,
        "RestoreRequest": RestoreRequest,
    }
)

_VERSIONS: Mapping[str, str] = MappingProxyType(
    {
        kind: get_args(model.model_fields["api_version"].annotation)[0]
        for kind, model in _MODELS.items()
    }
)


def validate(source: Source) -> Outcome[PolicySet | None]:
    """Check every document by itself and against the others; None if the Project is invalid.

    All findings (``SG2xx``, ``SG3xx``, and ``SG4xx`` for schedules) of all documents are returned
    together, sorted by position.
    """
    findings: list[Finding] = []
    by_kind: dict[str, list[Document]] = {kind: [] for kind in _MODELS}
    by_kind["Project"].append(source.project)
    # Of a group that has no such kind; what refers to them by name is not to blame.
    refused: dict[str, list[Document]] = {}
    for document in source.policies:
        secrets = tuple(secret_findings(document))
        findings += secrets
        kind = _kind(document)
        if kind is not None:
            by_kind[kind].append(document)
        elif not secrets:
            findings.append(_unknown_kind(document))
            refused.setdefault(str(document.data.get("kind")), []).append(document)
    findings += inventory_secret_findings(chain.from_iterable(source.manifests.values()))
    valid: dict[str, list[Authored[Model]]] = {kind: [] for kind in _MODELS}
    for kind, documents in by_kind.items():
        for document in documents:
            value, problems = _read(document, kind)
            findings += problems
            if value is not None:
                valid[kind].append(Authored(value, document))
    findings += _second_projects(by_kind["Project"])
    findings += version_findings(source.project)
    everything = Documents(source.project, by_kind, refused)
    findings += reference_findings(everything)
    ordered = tuple(sorted(dict.fromkeys(findings), key=Finding.sort_key))
    return Outcome(_policy_set(valid), ordered)


def validate_project(document: Document) -> Outcome[Authored[Project] | None]:
    """Check the Project alone: every finding that is not about other documents."""
    model, findings = _read(document, "Project")
    findings += version_findings(document)
    authored = Authored(model, document) if isinstance(model, Project) else None
    return Outcome(authored, tuple(sorted(findings, key=Finding.sort_key)))


def _kind(document: Document) -> str | None:
    """Which of the known kinds a document is meant to be, even if its version is wrong."""
    kind = document.data.get("kind")
    version = document.data.get("apiVersion")
    group = _STORAGE_GROUP if kind == "RetentionPolicy" else _OURS
    is_meant = not isinstance(version, str) or version.startswith(group)
    return kind if isinstance(kind, str) and kind in _MODELS and is_meant else None


def _read(document: Document, kind: str) -> tuple[Model | None, list[Finding]]:
    model: Model | None
    model, shape = parse(document, _MODELS[kind])
    findings = [*shape, *field_findings(document, kind)]
    if model is not None:
        findings += misfit_findings(document, model)
    if isinstance(model, RetentionPolicy):
        findings += _retention_findings(document, model)
    return (None if findings else model), findings


def _unknown_kind(document: Document) -> Finding:
    kind, version = document.data.get("kind"), document.data.get("apiVersion")
    known_later = str(version).startswith(KUBESTASH_GROUPS)
    version_of = _VERSIONS.get(str(kind))
    if version_of is not None:
        return error(
            Code.UNKNOWN_KIND,
            document,
            ("apiVersion",),
            what=f"{quote(str(version))} has no kind {quote(str(kind))}",
            why="a document that is ignored would appear to work",
            fix=f"write apiVersion: {version_of}, or move the file out of the policy folders",
        )
    named = f"kind {_shown(kind)}" + (f" of {quote(version)}" if isinstance(version, str) else "")
    return error(
        Code.NOT_SUPPORTED if known_later else Code.UNKNOWN_KIND,
        document,
        ("kind",),
        what=f"{named} is not supported yet" if known_later else f"{named} is unknown",
        why="a document that is ignored would appear to work",
        fix="move the file out of the policy folders: the controller takes KubeStash manifests "
        "as they are"
        if known_later
        else f"use one of {', '.join(_MODELS)}, or move the file out of the policy folders",
    )


def _shown(value: Json) -> str:
    return quote(value) if isinstance(value, str) else "(none)"


def _second_projects(projects: list[Document]) -> Iterator[Finding]:
    for document in projects[1:]:
        yield error(
            Code.DEFINED_TWICE,
            document,
            ("kind",),
            what="this is a second Project",
            why="a project folder has exactly one Project",
            fix="remove it, or move it to another folder with its own stashgen.yaml",
            related=(projects[0].position("kind"),),
        )


def _retention_findings(document: Document, policy: RetentionPolicy) -> Iterator[Finding]:
    """KubeStash's own rules; ``default`` and labels have no meaning in a compiled policy."""
    for field in ("labels", "annotations"):
        if value_at(document, f"metadata.{field}") is not None:
            yield error(
                Code.NOT_SUPPORTED,
                document,
                ("metadata", field),
                at_key=True,
                what=f"{quote(field)} of a RetentionPolicy are not supported yet",
                why="the policy is rendered into each namespace that uses it",
                fix="remove them",
            )
    for message in validate_retention_policy(policy):
        path, _, text = message.partition(": ")
        keys = tuple(path.split("."))
        yield error(
            Code.RETENTION_RULE,
            document,
            keys,
            what=text,
            why="KubeStash rejects such a RetentionPolicy",
            fix="correct the value",
        )


def _policy_set(valid: Mapping[str, list[Authored[Model]]]) -> PolicySet | None:
    """The valid objects; the first of two with the same name, which is an error anyway."""
    if not valid["Project"] or not isinstance(project := valid["Project"][0].value, Project):
        return None
    storages: dict[str, Authored[Storage]] = {}
    policies: list[Authored[BackupPolicy]] = []
    guardrails: list[Authored[Guardrail]] = []
    retentions: dict[str, Authored[RetentionPolicySpec]] = {}
    for authored in (one for kind in valid.values() for one in kind):
        match authored.value:
            case Storage() as storage:
                name = storage.metadata.name
                storages.setdefault(name, Authored(storage, authored.document))
            case BackupPolicy() as policy:
                policies.append(Authored(policy, authored.document))
            case Guardrail() as guardrail:
                guardrails.append(Authored(guardrail, authored.document))
            case RetentionPolicy() as retention:
                name = retention.metadata.name
                retentions.setdefault(name, Authored(retention.spec, authored.document))
            case _:
                pass
    return PolicySet(
        project=Authored(project, valid["Project"][0].document),
        storages=storages,
        policies=tuple(sorted(policies, key=lambda one: one.value.metadata.name)),
        retentions=retentions,
        guardrails=tuple(sorted(guardrails, key=lambda one: one.value.metadata.name)),
    )
