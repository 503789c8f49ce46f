"""Templates of Helm charts: no manifests, and seldom YAML, but they may stand for volumes."""

import re
from collections.abc import Container
from enum import StrEnum
from pathlib import PurePosixPath

from stashgen.diagnostics import Finding, Position, Severity

# What a template with a volume has in its text.
_CLAIMS = re.compile(rb"PersistentVolumeClaim|StatefulSet|volumeClaimTemplate|claimName")


class Code(StrEnum):
    """What is reported of a chart's templates; explained in docs/findings.md."""

    NOT_RENDERED = "SG121"


def is_chart_template(path: PurePosixPath, files: Container[PurePosixPath]) -> bool:
    """Whether a file is a template of a chart that is among the files."""
    charts = (folder.parent for folder in path.parents if folder.name == "templates")
    return any(chart / "Chart.yaml" in files for chart in charts)


def has_claims(content: bytes) -> bool:
    """Whether a template may make claims, or mount some."""
    return _CLAIMS.search(content) is not None


def not_rendered(path: PurePosixPath) -> Finding:
    """A template with claims that only Helm can read."""
    return Finding(
        Code.NOT_RENDERED,
        Severity.WARNING,
        Position(path),
        "",
        "this template of a Helm chart is not rendered",
        "only Helm can read it; any volume it describes is unknown and is not backed up",
        "record the inventory with stashgen inventory (a helm source, or kubectl get pvc)",
    )
