"""Other settings for some of a policy's volumes: its ``exceptions``."""

from collections.abc import Iterator
from datetime import date

from stashgen.diagnostics import Finding
from stashgen.model.inventory import Volume
from stashgen.model.source import Authored, Origin, Path
from stashgen.policy.backup_policy import BackupPolicy
from stashgen.resolve.expiry import expired
from stashgen.resolve.inheritance import refined
from stashgen.resolve.matching import Answer, Facts
from stashgen.resolve.merge import Layer
from stashgen.resolve.selection_findings import (
    Missing,
    matches_nothing,
    missing_facts,
    missing_of,
)

_EXCEPTIONS: Path = ("spec", "exceptions")


def is_exceptional(origin: Origin) -> bool:
    """Whether an exception of a policy sets the value."""
    return origin.path[:2] == _EXCEPTIONS


class Exceptions:
    """The exceptions of all policies, as volumes are looked at one after another."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._variants: dict[tuple[str, tuple[int, ...]], Authored[BackupPolicy]] = {}
        self._missing: dict[str, list[Missing]] = {}
        self._used: set[tuple[str, int]] = set()

    def applied(self, volume: Volume, policy: Authored[BackupPolicy]) -> Authored[BackupPolicy]:
        """The policy as it is for a volume: the last of several exceptions wins."""
        if not policy.value.spec.exceptions:
            return policy
        name = policy.value.metadata.name
        numbers: list[int] = []
        for number, entry in enumerate(policy.value.spec.exceptions):
            answer = self._facts.matches(entry.match, volume)
            if answer is Answer.UNKNOWN:
                path = (*_EXCEPTIONS, number, "match")
                found = next(missing_of(self._facts, entry.match, volume, path))
                self._missing.setdefault(name, []).append(found)
            if answer is not Answer.NO:
                self._used.add((name, number))
            if answer is Answer.YES:
                numbers.append(number)
        return self._variant(policy, tuple(numbers))

    def _variant(
        self, policy: Authored[BackupPolicy], numbers: tuple[int, ...]
    ) -> Authored[BackupPolicy]:
        key = (policy.value.metadata.name, numbers)
        if key not in self._variants:
            variant = policy
            for number in numbers:
                entry = policy.value.spec.exceptions[number]
                layer = Layer(entry.settings, policy.at(*_EXCEPTIONS, number, "set"))
                variant = refined(variant, layer, variant)
            self._variants[key] = variant
        return self._variants[key]

    def findings(
        self, policies: tuple[Authored[BackupPolicy], ...], today: date
    ) -> Iterator[Finding]:
        """What is wrong with them: the day has passed, no volume matches, or it cannot be told."""
        for policy in policies:
            name = policy.value.metadata.name
            yield from missing_facts(policy, self._missing.get(name, ()), "exception")
            for number, entry in enumerate(policy.value.spec.exceptions):
                at = policy.at(*_EXCEPTIONS, number)
                late = expired(at.at("until"), "this exception", entry.until, today)
                if late is not None:
                    yield late
                elif (name, number) not in self._used:
                    yield matches_nothing(at.at("match"), "this exception")
