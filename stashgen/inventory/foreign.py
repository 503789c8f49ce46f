"""KubeStash manifests of what is no volume, such as a database: another operator's, not ours.

Such an object starts nothing here, but that is no mistake of its author's: it is reported, and all
else is built. What it backs up is kept, so that no policy protects the same thing again unnoticed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from stashgen.api.labels import RENDERED_ANNOTATION
from stashgen.diagnostics import Finding, Severity, quote
from stashgen.inventory.kubestash import Code, has_placeholder, kubestash_findings
from stashgen.inventory.objects import text_at
from stashgen.model.inventory import CLAIM, ForeignBackup
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json, format_path

# A misspelt claim is a mistake, and none of these is anything else.
_MEANS_CLAIM = frozenset({"persistentvolumeclaim", "persistentvolumeclaims", "pvc", "pvcs"})
_BACKUP = "BackupConfiguration"
_CORE = "core.kubestash.com"
# By kind: where it says what it is about.
_TARGETS: Mapping[str, str] = {
    _BACKUP: "target",
    "RestoreSession": "target",
    "Repository": "appRef",
}
_Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Foreign:
    """An object that is not ours.

    Attributes:
        finding: That it is not.
        backup: What it backs up, if that is what it does.
    """

    finding: Finding
    backup: ForeignBackup | None


def foreign(
    cluster_id: str, data: Mapping[str, Json], document: Document, path: _Path
) -> Foreign | None:
    """What to say of an object whose target is no claim; None for every other object.

    Args:
        cluster_id: In whose inventory it is.
        data: The object.
        document: That it is in.
        path: Its place in the document.
    """
    kind, group = str(data.get("kind")), str(data.get("apiVersion")).partition("/")[0]
    field = _TARGETS.get(kind)
    target = _map(_map(data.get("spec")).get(field or ""))
    target_kind = text_at(target, "kind")
    if field is None or not group.endswith(".kubestash.com"):
        return None
    if not target_kind or target_kind.lower() in _MEANS_CLAIM or has_placeholder(target_kind):
        return None
    metadata = _map(data.get("metadata"))
    name, target_name = text_at(metadata, "name"), text_at(target, "name")
    position = document.position(*path, "spec", field, "kind")
    keys = ("spec", field, "kind")
    found = Finding(
        code=Code.FOREIGN,
        severity=Severity.WARNING,
        position=position,
        subject=f"{kind}/{name} {format_path(keys)}",
        what=f"this {kind} is of {target_kind} {quote(target_name)}, not of a volume",
        why="stashgen backs up volumes only: its controller makes such an object invalid and "
        "starts nothing for it",
        fix="leave it to another operator, and exclude the file from the inventory's patterns",
    )
    if kind != _BACKUP:
        return Foreign(found, None)
    namespace = _known_namespace(metadata)
    backup = ForeignBackup(
        cluster_id=cluster_id,
        namespace=namespace,
        name=name,
        target_kind=target_kind,
        target=target_name,
        target_namespace=_known_namespace(target) if target.get("namespace") else namespace,
        position=position,
    )
    return Foreign(found, backup)


def _plain_backup(
    cluster_id: str, data: Mapping[str, Json], document: Document, path: _Path
) -> ForeignBackup | None:
    """A BackupConfiguration of a claim that people wrote: none of ours may have its name."""
    metadata, target = _map(data.get("metadata")), _map(_map(data.get("spec")).get("target"))
    group = str(data.get("apiVersion")).partition("/")[0]
    is_ours = RENDERED_ANNOTATION in _map(metadata.get("annotations"))
    if data.get("kind") != _BACKUP or group != _CORE or is_ours:
        return None
    return ForeignBackup(
        cluster_id=cluster_id,
        namespace=_known_namespace(metadata),
        name=text_at(metadata, "name"),
        target_kind=CLAIM,
        target=text_at(target, "name"),
        target_namespace=None,
        position=document.position(*path),
    )


@dataclass(slots=True)
class ForeignBackups:
    """What others back up in one cluster, and what the workloads there mount.

    Attributes:
        cluster_id: The cluster's.
    """

    cluster_id: str
    _backups: list[ForeignBackup] = field(default_factory=list)
    # By kind and name of a workload: namespaces and claims.
    _mounts: dict[tuple[str, str], list[tuple[str | None, str]]] = field(default_factory=dict)

    def judge(self, data: Mapping[str, Json], document: Document, path: _Path) -> list[Finding]:
        """What to say of a KubeStash manifest; what a workload mounts is remembered."""
        metadata = data.get("metadata")
        for claim in _mounted_claims(data):
            if isinstance(metadata, dict):
                workload = (str(data["kind"]).lower(), str(metadata.get("name")))
                mounted = (_known_namespace(metadata), claim)
                self._mounts.setdefault(workload, []).append(mounted)
        other = foreign(self.cluster_id, data, document, path)
        if other is None:
            named = _plain_backup(self.cluster_id, data, document, path)
            self._backups += [named] if named is not None else []
            return kubestash_findings(data, document, path)
        self._backups += [other.backup] if other.backup is not None else []
        return [other.finding]

    def found(self) -> Iterator[ForeignBackup]:
        """Every backup with what its target mounts; a namespace that is not known may be any."""
        for backup in self._backups:
            claims = (
                claim
                for namespace, claim in self._mounts.get(
                    (backup.target_kind.lower(), backup.target), ()
                )
                if None in {namespace, backup.target_namespace}
                or namespace == backup.target_namespace
            )
            yield replace(backup, claims=frozenset(claims))


def _mounted_claims(data: Mapping[str, Json]) -> Iterator[str]:
    """The claims that a pod, or the pods of a workload, mount by name."""
    spec = _map(data.get("spec"))
    if data.get("kind") != "Pod":
        spec = _map(_map(spec.get("jobTemplate")).get("spec")) or spec
        spec = _map(_map(spec.get("template")).get("spec"))
    volumes = spec.get("volumes")
    for volume in volumes if isinstance(volumes, list) else ():
        name = text_at(_map(_map(volume).get("persistentVolumeClaim")), "claimName")
        if name:
            yield name


def _known_namespace(metadata: Mapping[str, Json]) -> str | None:
    """An object's namespace; None where it is only set when the object is applied."""
    return _known(text_at(metadata, "namespace"))


def _known(namespace: str) -> str | None:
    return None if not namespace or has_placeholder(namespace) else namespace


def _map(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}
