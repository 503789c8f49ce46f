"""Which policy protects which volume."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from stashgen.diagnostics import Finding, quote
from stashgen.model.coverage import LeftOut
from stashgen.model.inventory import Inventory, Volume, VolumeKey
from stashgen.model.source import Authored, Path, PolicySet
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.policy.selectors import Select
from stashgen.resolve.exclusions import excluded_volumes
from stashgen.resolve.matching import Answer, Facts
from stashgen.resolve.selection_findings import (
    Missing,
    Unselected,
    missing_facts,
    no_policy,
    selected_twice,
)
from stashgen.resolve.volume_index import VolumeIndex

_SELECT: Path = ("spec", "select")


@dataclass(frozen=True, slots=True)
class Selection:
    """Every volume without a finding, sorted by key: with its policy, or without one.

    Attributes:
        excluded: Those of ``unselected`` that a policy would select if it did not exclude them, and
            where it does.
        on_purpose: Those that no policy may select, and why.
    """

    selected: tuple[tuple[Volume, Authored[BackupPolicy]], ...]
    unselected: tuple[Volume, ...]
    excluded: Mapping[VolumeKey, LeftOut]
    on_purpose: Mapping[VolumeKey, LeftOut]
    findings: tuple[Finding, ...]


@dataclass(slots=True)
class Choice:
    """What one document's selectors make of the volumes.

    Attributes:
        excluded: With the entry that does it.
        missing: What is not known of volumes, by the selector that asks for it.
    """

    chosen: list[Volume] = field(default_factory=list)
    excluded: list[tuple[Volume, Path]] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)


def select(policies: PolicySet, inventory: Inventory, today: date) -> Selection:
    """Match policies and volumes: of several policies, that with the highest priority.

    Volumes that two policies of the same priority select are left out, and so are those of which
    the inventory does not have what a policy asks for.
    """
    # A project may have only retired volumes left.
    is_meant = policies.policies or policies.project.value.spec.retired
    findings = [] if is_meant else [no_policy(policies)]
    facts, index = Facts.of(policies.project.value, inventory), VolumeIndex(inventory)
    on_purpose, about_exclusions = excluded_volumes(policies, inventory, index, today)
    findings += about_exclusions
    unselected = Unselected(policies, inventory)
    owners: dict[VolumeKey, list[int]] = {}
    excluded: dict[VolumeKey, LeftOut] = {}
    missing: dict[int, list[Missing]] = {}
    for number, policy in enumerate(policies.policies):
        if policy.value.spec.select is None:
            continue
        choice = choose(policy.value.spec.select, facts, index)
        is_used = bool(choice.chosen or choice.missing)
        choice = _without(choice, on_purpose)
        for volume, path in choice.excluded:
            excluded.setdefault(volume.key, _excluded_by(policy, path))
        for volume in choice.chosen:
            owners.setdefault(volume.key, []).append(number)
        missing[number] = choice.missing
        if not is_used:
            findings.append(unselected.finding(policy))
    first = {key: _first(policies, numbers) for key, numbers in owners.items()}
    findings += selected_twice(policies, inventory, first)
    for number, missed in missing.items():
        policy = policies.policies[number]
        # Whoever has a higher priority protects it in any case.
        open_ = [one for one in missed if not _is_above(policies, first, one.volume, policy)]
        findings += missing_facts(policy, open_)
    return Selection(
        selected=tuple(
            (volume, policies.policies[first[volume.key][0]])
            for volume in inventory.volumes
            if len(first.get(volume.key, ())) == 1
        ),
        unselected=tuple(volume for volume in inventory.volumes if volume.key not in owners),
        excluded={
            key: why for key, why in excluded.items() if key not in owners and key not in on_purpose
        },
        on_purpose=on_purpose,
        findings=tuple(findings),
    )


def _excluded_by(policy: Authored[BackupPolicy], path: Path) -> LeftOut:
    name = quote(policy.value.metadata.name)
    return LeftOut(f"policy {name} excludes it", policy.at(*_SELECT, *path).position)


def _first(policies: PolicySet, numbers: list[int]) -> list[int]:
    """Of policies, by their numbers, those with the highest priority."""
    if len(numbers) == 1:
        return numbers
    priorities = [policies.policies[number].value.spec.priority for number in numbers]
    highest = max(priorities)
    return [number for number, one in zip(numbers, priorities, strict=True) if one == highest]


def _is_above(
    policies: PolicySet,
    owners: Mapping[VolumeKey, list[int]],
    volume: Volume,
    policy: Authored[BackupPolicy],
) -> bool:
    """Whether a policy of a higher priority selects a volume."""
    return any(
        policies.policies[number].value.spec.priority > policy.value.spec.priority
        for number in owners.get(volume.key, ())
    )


def _without(choice: Choice, on_purpose: Mapping[VolumeKey, LeftOut]) -> Choice:
    if not on_purpose:
        return choice
    return Choice(
        chosen=[volume for volume in choice.chosen if volume.key not in on_purpose],
        excluded=choice.excluded,
        missing=[one for one in choice.missing if one.volume.key not in on_purpose],
    )


def choose(select: Select, facts: Facts, index: VolumeIndex) -> Choice:
    """The volumes that selectors match and no exclusion leaves out."""
    choice = Choice()
    for volume in index.candidates(select):
        answer = facts.matches(select, volume)
        if answer is Answer.NO:
            continue
        exclusions = {path: facts.excludes(match, volume) for path, match in select.exclusions}
        by = next((path for path, one in exclusions.items() if one is Answer.YES), None)
        if by is not None:
            choice.excluded += [(volume, by)] if answer is Answer.YES else []
        elif answer is Answer.UNKNOWN or Answer.UNKNOWN in exclusions.values():
            choice.missing.append(next(_missing(select, facts, volume)))
        else:
            choice.chosen.append(volume)
    return choice


def _missing(select: Select, facts: Facts, volume: Volume) -> Iterator[Missing]:
    for field_, answer in facts.answers(select, volume):
        if answer is Answer.UNKNOWN:
            yield Missing((*_SELECT, field_), field_, volume)
    for path, match in select.exclusions:
        if facts.excludes(match, volume) is Answer.UNKNOWN:
            for field_, answer in facts.answers(match, volume):
                if answer is Answer.UNKNOWN:
                    yield Missing((*_SELECT, *path, field_), field_, volume)
