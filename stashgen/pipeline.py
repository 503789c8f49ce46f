"""The whole compile on one screen: documents of policies and inventory in, files out.

    load -> validate -> inventory -> histories -> resolve -> guardrails -> render -> serialize
    -> write | compare

The first and the last step are edges (``stashgen.load``, ``stashgen.output.tree``); nothing between
them touches a file. A pass returns all its findings at once, and the next one runs only if none of
them is an error. The previous output folder is an input too: nothing that it protects may disappear
silently.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

from stashgen.diagnostics import Finding, Outcome, Severity, has_errors
from stashgen.guardrails import check_guardrails
from stashgen.inventory import collect
from stashgen.inventory.secret_sources import external_secrets_in_git, sources_in_git
from stashgen.model.coverage import Coverage
from stashgen.model.history import History, Previous
from stashgen.model.inventory import Inventory
from stashgen.model.manifest import FileTree, Manifest
from stashgen.model.resolved import Resolved
from stashgen.model.source import PolicySet, Source
from stashgen.output.histories import histories
from stashgen.output.moved_storages import moved_storages
from stashgen.output.retired_objects import retired_objects
from stashgen.output.retired_places import retired_places
from stashgen.output.retired_secrets import retired_secrets
from stashgen.output.serialize import serialize
from stashgen.output.tightened_retention import tightened_retention
from stashgen.render import limit_findings, render
from stashgen.resolve import resolve
from stashgen.resolve.guardrails import ruled_volumes
from stashgen.resolve.secret_sources import second_sources
from stashgen.validate import validate
from stashgen.validate.walk import Code

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Compilation:
    """What a project compiles to.

    Attributes:
        files: By path below the output folder; empty if there is any error.
        coverage: Of all clusters; None if there is any error.
    """

    files: FileTree
    coverage: Coverage | None = None


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a project decides, before anything is rendered.

    Attributes:
        resolved: What was decided.
        policies: What people wrote.
        inventory: The volumes that exist.
        histories: Those in the previous output.
    """

    resolved: Resolved
    policies: PolicySet
    inventory: Inventory
    histories: tuple[History, ...]


@dataclass(frozen=True, slots=True)
class Objects:
    """What a project comes to before it is serialized.

    Attributes:
        inventory: What there is.
        resolved: What was decided.
        kept: The objects of retired histories.
        histories: Those in the previous output.
        manifests: All objects.
    """

    inventory: Inventory
    resolved: Resolved
    kept: tuple[Manifest, ...]
    histories: tuple[History, ...]
    manifests: tuple[Manifest, ...]


def compile(  # noqa: A001 (it is called pipeline.compile)
    source: Source, before: Sequence[Previous], today: date, *, complete: bool = True
) -> Outcome[Compilation]:
    """The files of a project, and how much of its inventories they protect.

    Args:
        source: What was read.
        before: The output folder, and other folders that hold the project's last output.
        today: In UTC.
        complete: False if an error kept part of the source from being read. A missing object may
            be in that part, so it is not reported, and nothing is resolved.
    """
    found = objects(source, before, today, complete=complete)
    if found.value is None:
        return Outcome(Compilation({}), found.findings)
    resolved, histories = found.value.resolved, found.value.histories
    files = serialize(resolved.project.metadata.name, found.value.manifests)
    moved = [
        *moved_storages(resolved, found.value.kept, histories, before, files),
        *retired_places(resolved, found.value.kept),
    ]
    tightened = tightened_retention(resolved, found.value.manifests, histories, before, files)
    made = Compilation({}) if moved else Compilation(files, resolved.coverage)
    return Outcome(made, _sorted([*found.findings, *moved, *tightened]))


def objects(
    source: Source, before: Sequence[Previous], today: date, *, complete: bool = True
) -> Outcome[Objects | None]:
    """The objects of a project; None if there is any error. As ``compile``, without files."""
    decided = decisions(source, before, today, complete=complete)
    findings = list(decided.findings)
    if decided.value is None or not decided.ok:
        return _nothing(findings)
    resolved, recorded = decided.value.resolved, decided.value.histories

    kept = retired_objects(resolved, before)
    findings += kept.findings
    if not kept.ok:
        return _nothing(findings)

    manifests = render(resolved, kept.value)
    findings += limit_findings(decided.value.policies.project, manifests)
    findings += retired_secrets(resolved.retired, manifests, before)
    if has_errors(findings):
        return _nothing(findings)
    found = Objects(decided.value.inventory, resolved, kept.value, recorded, manifests)
    return Outcome(found, _sorted(findings))


def decisions(
    source: Source,
    before: Sequence[Previous],
    today: date,
    *,
    complete: bool = True,
    tolerated: Set[str] = frozenset(),
) -> Outcome[Decisions | None]:
    """What a project decides; as ``compile``, with nothing rendered.

    None if it cannot be known. What was decided with an error leaves out what the error is about.

    Args:
        source: What was read.
        before: As of ``compile``.
        today: In UTC.
        complete: As of ``compile``.
        tolerated: Codes of findings that are warnings here.
    """
    policies = _tolerating(validate(source), tolerated)
    inventory = collect(source)
    findings = [*policies.findings, *inventory.findings]
    if not complete:
        known = [one for one in findings if one.code != Code.NO_SUCH_OBJECT]
        return Outcome(None, _sorted(known))
    if policies.value is None or not policies.ok or not inventory.ok:
        return Outcome(None, _sorted(findings))

    recorded = histories(before)
    findings += recorded.findings
    if not recorded.ok:
        return Outcome(None, _sorted(findings))

    resolved = _tolerating(
        resolve(policies.value, inventory.value, recorded.value, today), tolerated
    )
    findings += resolved.findings
    protections = resolved.value.protections
    ruled = _tolerating(
        ruled_volumes(policies.value, inventory.value, protections, today), tolerated
    )
    judged = Outcome(None, check_guardrails(policies.value.guardrails, ruled.value))
    findings += [*ruled.findings, *_tolerating(judged, tolerated).findings]
    in_git = sources_in_git(source), external_secrets_in_git(source)
    findings += second_sources(protections, *in_git)
    made = Decisions(resolved.value, policies.value, inventory.value, recorded.value)
    return Outcome(made, _sorted(findings))


def _tolerating(outcome: Outcome[_T], tolerated: Set[str]) -> Outcome[_T]:
    found = (
        replace(one, severity=Severity.WARNING) if one.code in tolerated else one
        for one in outcome.findings
    )
    return Outcome(outcome.value, tuple(found)) if tolerated else outcome


def _nothing(findings: list[Finding]) -> Outcome[Objects | None]:
    return Outcome(None, _sorted(findings))


def _sorted(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=Finding.sort_key))
