"""Limits of what applies the output: reviewed pods of a strict namespace, objects of a folder."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum

from stashgen.api.strict_mode import LARGEST_PART_BYTES, PARTS
from stashgen.diagnostics import Finding, Severity, quote
from stashgen.model.manifest import Manifest
from stashgen.model.source import Authored
from stashgen.policy.project import Project


class Code(StrEnum):
    """The findings of this pass; each is explained in docs/findings.md."""

    TOO_MANY_REVIEWED = "SG604"
    LARGE_NAMESPACE = "SG605"


# kustomize compares each object with all others of a build: 3,000 take it half a minute, 6,000 two
# minutes, and Argo CD ends it after 90 seconds (ARGOCD_EXEC_TIMEOUT).
_MANY_OBJECTS = 3_000


def limit_findings(project: Authored[Project], manifests: Sequence[Manifest]) -> Iterator[Finding]:
    """Errors and warnings about namespaces that are too large for what applies them.

    An error for each namespace whose ReviewedTemplates need more parts than are bound; a warning
    for each with more objects than kustomize builds in reasonable time.
    """
    yield from _too_many_reviewed(project, manifests)
    yield from _large_namespaces(project, manifests)


def _large_namespaces(
    project: Authored[Project], manifests: Iterable[Manifest]
) -> Iterator[Finding]:
    index = {item.name: number for number, item in enumerate(project.value.spec.clusters)}
    objects = Counter(manifest.path.parent for manifest in manifests)
    for folder, number in sorted(objects.items()):
        if number > _MANY_OBJECTS:
            path = ("spec", "clusters", index[folder.parts[0]])
            yield Finding(
                code=Code.LARGE_NAMESPACE,
                severity=Severity.WARNING,
                position=project.document.position(*path),
                subject=project.document.subject(*path),
                what=f"namespace {quote(folder.name)} has {number:,} objects",
                why="kustomize needs half a minute for 3,000 objects of one folder and four times "
                "as long for twice as many; Argo CD ends it after 90 seconds",
                fix="give Argo CD's ARGOCD_EXEC_TIMEOUT or the Flux Kustomization's timeout more "
                "time, or spread the volumes over more namespaces",
            )


def _too_many_reviewed(
    project: Authored[Project], manifests: Iterable[Manifest]
) -> Iterator[Finding]:
    parts: Counter[tuple[str, str]] = Counter()
    pods: Counter[tuple[str, str]] = Counter()
    for manifest in manifests:
        place = (manifest.path.parts[0], manifest.path.parent.name)
        parts[place] += manifest.kind == "ReviewedTemplates"
        pods[place] += manifest.kind == "PodTemplate"
    index = {item.name: number for number, item in enumerate(project.value.spec.clusters)}
    for (cluster, namespace), number in sorted(parts.items()):
        if number <= len(PARTS):
            continue
        path = ("spec", "clusters", index[cluster], "strict")
        most = len(PARTS) * LARGEST_PART_BYTES
        yield Finding(
            code=Code.TOO_MANY_REVIEWED,
            severity=Severity.ERROR,
            position=project.document.position(*path),
            subject=project.document.subject(*path),
            what=f"the {pods[cluster, namespace]} reviewed pods of namespace {quote(namespace)} "
            f"need {number} objects of {LARGEST_PART_BYTES:,} bytes",
            why=f"in strict mode the API server compares Jobs with at most {len(PARTS)} such "
            f"objects ({most:,} bytes in total), and etcd accepts no larger ones",
            fix="spread the volumes over more namespaces, or copy them to fewer storages",
        )
