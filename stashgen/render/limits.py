"""Limits of the API server: how many reviewed pods a namespace of a strict cluster can have."""

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum

from stashgen.api.strict_mode import LARGEST_PART_BYTES, PARTS
from stashgen.diagnostics import Finding, Severity, quote
from stashgen.model.manifest import Manifest
from stashgen.model.source import Authored
from stashgen.policy.project import Project


class Code(StrEnum):
    """The findings of this pass; each is explained in docs/findings.md."""

    TOO_MANY_REVIEWED = "SG604"


def limit_findings(project: Authored[Project], manifests: Iterable[Manifest]) -> Iterator[Finding]:
    """An error for each namespace whose ReviewedTemplates need more parts than are bound."""
    parts: Counter[tuple[str, str]] = Counter()
    pods: Counter[tuple[str, str]] = Counter()
    for manifest in manifests:
        place = (manifest.path.parts[0], manifest.path.parent.name)
        parts[place] += manifest.data["kind"] == "ReviewedTemplates"
        pods[place] += manifest.data["kind"] == "PodTemplate"
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
