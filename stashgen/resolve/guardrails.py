"""Which volumes each Guardrail judges: protected, selected, and not exempted."""

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import date

from stashgen.diagnostics import Finding, Outcome
from stashgen.model.facts import RuledVolume
from stashgen.model.inventory import Inventory, Volume, VolumeKey
from stashgen.model.resolved import Protection
from stashgen.model.source import Authored, Path, PolicySet
from stashgen.policy.guardrail import Guardrail
from stashgen.resolve.expiry import expired
from stashgen.resolve.facts import ruled_volume
from stashgen.resolve.matching import Answer, Facts
from stashgen.resolve.selection import choose
from stashgen.resolve.selection_findings import (
    Missing,
    matches_nothing,
    missing_facts,
    missing_of,
)
from stashgen.resolve.volume_index import VolumeIndex

_EXEMPTIONS: Path = ("spec", "exemptions")


def ruled_volumes(
    policies: PolicySet, inventory: Inventory, protections: Iterable[Protection], today: date
) -> Outcome[Mapping[str, tuple[RuledVolume, ...]]]:
    """The volumes that each Guardrail judges, by its name.

    A volume of which it is not known whether a Guardrail is about it is an error. An exemption
    whose day has passed is one, too; it holds nonetheless, so that this is reported once.

    Args:
        policies: What people wrote.
        inventory: The volumes that exist.
        protections: How they are backed up.
        today: In UTC.
    """
    if not policies.guardrails:
        return Outcome({})
    facts, index = Facts.of(policies.project.value, inventory), VolumeIndex(inventory)
    protected = {one.volume.key: one for one in protections}
    ruled: dict[VolumeKey, RuledVolume] = {}
    found: dict[str, tuple[RuledVolume, ...]] = {}
    findings: list[Finding] = []
    for guardrail in policies.guardrails:
        choice = choose(guardrail.value.spec.select, facts, index)
        missing = [one for one in choice.missing if one.volume.key in protected]
        findings += missing_facts(guardrail, missing, "guardrail")
        if not choice.chosen and not choice.missing:
            findings.append(matches_nothing(guardrail.at("spec", "select"), "this guardrail"))
        exempt = _Exempt(guardrail, facts, choice.chosen, protected.keys())
        findings += exempt.findings(today)
        keys = [
            volume.key
            for volume in choice.chosen
            if volume.key in protected and volume.key not in exempt.volumes
        ]
        for key in keys:
            if key not in ruled:
                ruled[key] = ruled_volume(protected[key])
        found[guardrail.value.metadata.name] = tuple(ruled[key] for key in keys)
    return Outcome(found, tuple(findings))


class _Exempt:
    """What a Guardrail exempts of its volumes.

    Attributes:
        volumes: That need not keep its rules.
    """

    def __init__(
        self,
        guardrail: Authored[Guardrail],
        facts: Facts,
        volumes: Sequence[Volume],
        judged: Set[VolumeKey],
    ) -> None:
        self.volumes: set[VolumeKey] = set()
        self._guardrail = guardrail
        self._used: set[int] = set()
        self._missing: list[Missing] = []
        for number, entry in enumerate(guardrail.value.spec.exemptions):
            for volume in volumes:
                answer = facts.excludes(entry.match, volume)
                if answer is Answer.YES:
                    self.volumes.add(volume.key)
                elif answer is Answer.UNKNOWN and volume.key in judged:
                    path = (*_EXEMPTIONS, number, "match")
                    self._missing.append(next(missing_of(facts, entry.match, volume, path)))
                if answer is not Answer.NO:
                    self._used.add(number)

    def findings(self, today: date) -> Iterator[Finding]:
        """What is wrong: a day has passed, no volume matches, or it cannot be told."""
        yield from missing_facts(self._guardrail, self._missing, "exemption")
        for number, entry in enumerate(self._guardrail.value.spec.exemptions):
            at = self._guardrail.at(*_EXEMPTIONS, number)
            late = expired(at.at("until"), "this exemption", entry.until, today)
            if late is not None:
                yield late
            elif number not in self._used:
                yield matches_nothing(at.at("match"), "this exemption")
