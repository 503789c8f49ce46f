"""Judge the plain KubeStash manifests of an inventory: what would be invalid in the cluster.

The same rules make an object invalid there (``kubestash.validation.supported``), but nobody reads
its status before the first backup is missed.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_session import BackupSession
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.meta import Kind
from stashgen.api.repository import Repository
from stashgen.api.restore_session import RestoreSession
from stashgen.api.retention_policy import RetentionPolicy
from stashgen.api.snapshot import Snapshot
from stashgen.diagnostics import Finding, Severity, quote
from stashgen.inventory.kubestash_alone import problems_alone
from stashgen.inventory.readable import readable
from stashgen.kubestash.validation.shapes import Misfit, misfits
from stashgen.kubestash.validation.supported import Unsupported, unsupported
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json, format_path

_MODELS: Mapping[tuple[str, str], type[Kind]] = {
    (model.resource.api_version, model.resource.kind): model
    for model in (
        BackupStorage,
        Repository,
        RetentionPolicy,
        Snapshot,
        BackupConfiguration,
        BackupSession,
        RestoreSession,
    )
}
_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]|\[\"([^\"]+)\"\]")
# What is judged beside the spec.
_METADATA = ("name", "namespace", "annotations")
_Path = tuple[str | int, ...]


class Code(StrEnum):
    """What may be wrong with a KubeStash manifest; each is explained in docs/findings.md."""

    UNSUPPORTED = "SG503"
    INVALID = "SG509"
    UNREADABLE = "SG504"
    FOREIGN = "SG505"


def kubestash_findings(data: Mapping[str, Json], document: Document, path: _Path) -> list[Finding]:
    """What the cluster would refuse of one object; nothing for other kinds.

    Args:
        data: The object.
        document: That it is in.
        path: Its place in the document.
    """
    model = _MODELS.get((str(data.get("apiVersion")), str(data.get("kind"))))
    if model is None:
        return []
    metadata = data.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    named = {key: metadata[key] for key in _METADATA if metadata.get(key)}
    at = _Place(document, path, f"{data['kind']}/{named.get('name', '')}".rstrip("/"))
    read = readable(model, {"metadata": named, "spec": data.get("spec") or {}})
    problems = (item for item in read.problems if not _is_placeholder(item["input"]))
    unreadable = [_unreadable(item, at) for item in problems]
    if read.obj is None:
        return unreadable
    wrong = (item for item in misfits(read.obj) if not _is_placeholder(item.value))
    unreadable += [_misfit(item, at) for item in wrong]
    found = [item for item in unsupported(read.obj) if read.knows(tuple(_keys(item.path)))]
    if "namespace" not in named:
        # It is set when it is applied, and references to it are not known to be of another one.
        found = [item for item in found if not item.path.endswith(".namespace")]
    # What a placeholder will be is not known.
    asked = [_unsupported(item, at) for item in found if not has_placeholder(item.why)]
    if read.problems or unreadable:
        # What is missing may be what could not be read.
        return [*unreadable, *asked]
    alone = [_invalid(keys, message, at) for keys, message in problems_alone(read.obj)]
    return [*asked, *(item for item in alone if not has_placeholder(item.what))]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an object is, and what findings call it."""

    document: Document
    path: _Path
    name: str

    def subject(self, keys: _Path) -> str:
        """The object and one of its fields."""
        return f"{self.name} {format_path(keys)}"


def _is_placeholder(value: object) -> bool:
    """Whether a value is an unresolved placeholder, of which nothing is known."""
    return isinstance(value, str) and has_placeholder(value)


def has_placeholder(text: str) -> bool:
    """Whether something in a text is filled in later, so that nothing is known of it."""
    return "${" in text or "{{" in text


def _unreadable(problem: Mapping[str, Any], at: _Place) -> Finding:
    keys: _Path = problem["loc"]
    is_unknown = problem["type"] == "extra_forbidden"
    what = f"{quote(str(keys[-1]))} is no field of this object" if is_unknown else problem["msg"]
    return _refused(keys, what, at, is_unknown=is_unknown)


def _misfit(item: Misfit, at: _Place) -> Finding:
    return _refused(item.keys, item.what, at, is_unknown=item.is_unknown)


def _refused(inner: _Path, what: str, at: _Place, *, is_unknown: bool) -> Finding:
    keys = (*at.path, *inner)
    return Finding(
        code=Code.UNREADABLE,
        severity=Severity.ERROR,
        position=at.document.key_position(*keys) if is_unknown else at.document.position(*keys),
        subject=at.subject(inner),
        what=what,
        why="the API server refuses it or drops it, and then the backup runs without it",
        fix="correct the field, or exclude the file from the inventory's patterns",
    )


def _unsupported(item: Unsupported, at: _Place) -> Finding:
    inner: _Path = tuple(_keys(item.path))
    return Finding(
        code=Code.UNSUPPORTED,
        severity=Severity.ERROR,
        position=at.document.position(*at.path, *inner),
        subject=at.subject(inner),
        what=item.why,
        why="the controller makes such an object invalid, and starts nothing for it",
        fix="remove the field, or exclude the file from the inventory's patterns",
    )


def _invalid(inner: _Path, message: str, at: _Place) -> Finding:
    return Finding(
        code=Code.INVALID,
        severity=Severity.ERROR,
        position=at.document.position(*at.path, *inner),
        subject=at.subject(inner),
        what=message,
        why="the controller makes such an object invalid, and starts nothing for it",
        fix="correct the field, or exclude the file from the inventory's patterns",
    )


def _keys(path: str) -> Iterator[str | int]:
    """The steps of a path like ``spec.sessions[0].hooks`` or ``metadata.annotations["a/b"]``."""
    for match in _STEP.finditer(path):
        yield int(match[2]) if match[2] else match[1] or match[3]
