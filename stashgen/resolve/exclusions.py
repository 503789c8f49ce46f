"""Volumes that no policy backs up on purpose: the project's ``exclusions``."""

from collections.abc import Mapping
from datetime import date

from stashgen.diagnostics import Finding, quote
from stashgen.model.coverage import LeftOut
from stashgen.model.inventory import Inventory, VolumeKey
from stashgen.model.source import Path, PolicySet
from stashgen.resolve.expiry import expired
from stashgen.resolve.matching import Answer, Facts
from stashgen.resolve.selection_findings import (
    Missing,
    matches_everything,
    matches_nothing,
    missing_facts,
    missing_of,
)
from stashgen.resolve.volume_index import VolumeIndex


def excluded_volumes(
    policies: PolicySet, inventory: Inventory, index: VolumeIndex, today: date
) -> tuple[Mapping[VolumeKey, LeftOut], tuple[Finding, ...]]:
    """The volumes that the project excludes, by the first exclusion that matches each."""
    project = policies.project
    facts = Facts.of(project.value, inventory)
    found: dict[VolumeKey, LeftOut] = {}
    findings: list[Finding] = []
    for number, entry in enumerate(project.value.spec.exclusions):
        path: Path = ("spec", "exclusions", number)
        why = LeftOut(
            f"the project excludes it: {entry.reason} (owner {quote(entry.owner)}, until "
            f"{entry.until})",
            project.at(*path).position,
        )
        missing: list[Missing] = []
        matched = 0
        for volume in index.candidates(entry.match):
            match facts.excludes(entry.match, volume):
                case Answer.YES:
                    matched += 1
                    found.setdefault(volume.key, why)
                case Answer.UNKNOWN:
                    at = (*path, "match")
                    missing.append(next(missing_of(facts, entry.match, volume, at)))
                case Answer.NO:
                    pass
        findings += missing_facts(project, missing, "exclusion")
        late = expired(project.at(*path, "until"), "this exclusion", entry.until, today)
        if late is not None:
            findings.append(late)
        elif not matched and not missing:
            findings.append(matches_nothing(project.at(*path, "match"), "this exclusion"))
        elif matched == len(inventory.volumes):
            findings.append(matches_everything(project.at(*path, "match"), "this exclusion"))
    return found, tuple(findings)
