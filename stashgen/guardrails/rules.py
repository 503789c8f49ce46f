"""Rules judged: for each one its volumes, and where what breaks it is decided."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import timedelta

from stashgen.diagnostics import Finding, Severity, quote
from stashgen.guardrails.expression import Condition, ExpressionError, TooExpensiveError, values
from stashgen.guardrails.findings import Code
from stashgen.model.facts import MESSAGE_FACTS, RuledVolume, VolumeFacts, variable
from stashgen.model.inventory import VolumeKey, volume_list
from stashgen.model.source import Authored, Origin
from stashgen.policy.duration import format_written
from stashgen.policy.guardrail import Guardrail, Rule
from stashgen.policy.template import fill

_MOST_RELATED = 10


def rule_findings(
    guardrails: Sequence[Authored[Guardrail]], ruled: Mapping[str, tuple[RuledVolume, ...]]
) -> Iterator[Finding]:
    """As ``check_guardrails``: one finding for each line, or namespace, that breaks a rule."""
    facts: dict[VolumeKey, dict[str, object]] = {}
    for guardrail in guardrails:
        volumes = ruled[guardrail.value.metadata.name]
        for one in volumes:
            if one.volume.key not in facts:
                facts[one.volume.key] = values(one.facts)
        for number, rule in enumerate(guardrail.value.spec.rules):
            origin = guardrail.at("spec", "rules", number, "expression")
            try:
                condition = Condition(rule.expression)
            except ExpressionError as error:
                yield _wrong_expression(rule, origin, error)
                continue
            judged = _Judged(guardrail, rule, origin)
            judged.judge(condition, volumes, facts)
            yield from judged.findings()


class _Judged:
    """One rule, and the volumes that do not keep it."""

    def __init__(self, guardrail: Authored[Guardrail], rule: Rule, origin: Origin) -> None:
        self._name = f"{guardrail.value.metadata.name}/{rule.name}"
        self._guardrail = guardrail
        self._rule = rule
        self._origin = origin
        self._broken: dict[tuple[object, ...], tuple[Origin | None, list[RuledVolume]]] = {}
        self._errors: dict[str, list[RuledVolume]] = {}
        self._stopped: ExpressionError | None = None

    def judge(
        self,
        condition: Condition,
        volumes: Sequence[RuledVolume],
        facts: Mapping[VolumeKey, dict[str, object]],
    ) -> None:
        for one in volumes:
            try:
                if not condition.holds(facts[one.volume.key]):
                    self._break(one, _decided(one, condition))
            except TooExpensiveError as error:
                # Each of the others would take as long.
                self._stopped = error
                self._errors = {str(error): [one]}
                return
            except ExpressionError as error:
                self._errors.setdefault(str(error), []).append(one)

    def _break(self, one: RuledVolume, line: Origin | None) -> None:
        key = one.volume.key
        group = (key.cluster_id, key.namespace) if line is None else (line.position, line.subject)
        self._broken.setdefault(group, (line, []))[1].append(one)

    def findings(self) -> Iterator[Finding]:
        for line, volumes in self._broken.values():
            yield self._finding_of(line, volumes)
        for text, volumes in self._errors.items():
            yield self._not_evaluated(text, volumes)

    def _finding_of(self, line: Origin | None, volumes: Sequence[RuledVolume]) -> Finding:
        first = volumes[0].volume
        position = first.position if line is None else line.position
        verb = "breaks" if len(volumes) == 1 else "break"
        message = fill(self._rule.message, _texts(volumes[0].facts))
        claims = [one.volume.position for one in volumes[:_MOST_RELATED]]
        return Finding(
            code=Code.BROKEN,
            severity=Severity(self._rule.severity),
            position=position,
            subject=f"PersistentVolumeClaim/{first.key.name}" if line is None else line.subject,
            what=f"{_named(volumes)} {verb} rule {quote(self._name)}: {_one_line(message)}",
            why=f"the rule asks for {_one_line(self._rule.expression)}",
            fix=_one_line(self._rule.remedy)
            if self._rule.remedy is not None
            else "keep the rule, or add an exemption with owner, reason and last day to guardrail "
            f"{quote(self._guardrail.value.metadata.name)}",
            related=(
                self._origin.position,
                *(claim for claim in claims if claim != position),
            ),
        )

    def _not_evaluated(self, text: str, volumes: Sequence[RuledVolume]) -> Finding:
        return Finding(
            code=Code.NOT_EVALUATED,
            severity=Severity.ERROR,
            position=self._origin.position,
            subject=self._origin.subject,
            what=f"rule {quote(self._name)} cannot be evaluated for {_named(volumes)}: {text}",
            why="nothing says that the rule is kept, so it counts as broken",
            fix="write it in fewer steps: loops within loops take too many"
            if self._stopped is not None
            else 'ask first whether a key is there, such as "tier" in volume.labels, or select '
            "only volumes that have it",
            related=tuple(one.volume.position for one in volumes[:_MOST_RELATED]),
        )


def _wrong_expression(rule: Rule, origin: Origin, error: ExpressionError) -> Finding:
    at = f" (line {error.line}, column {error.column} of it)" if error.line else ""
    return Finding(
        code=Code.EXPRESSION,
        severity=Severity.ERROR,
        position=origin.position,
        subject=origin.subject,
        what=f"the expression of rule {quote(rule.name)} is wrong: {error}{at}",
        why="its syntax, names and types are checked before any volume is judged",
        fix="correct it; docs/guardrails.md lists the facts and their types",
    )


def _decided(one: RuledVolume, condition: Condition) -> Origin | None:
    """Where the first fact is decided that a rule asks for; None if that is no line of a policy."""
    return next((line for field, line in one.lines.items() if field in condition.facts), None)


def _named(volumes: Sequence[RuledVolume]) -> str:
    return volume_list([one.volume for one in volumes])


def _texts(facts: VolumeFacts) -> dict[str, str]:
    """The facts that a message may contain."""
    return {
        variable(one.name): _text(getattr(facts, one.name))
        for one in fields(facts)
        if variable(one.name) in MESSAGE_FACTS
    }


def _text(value: object) -> str:
    match value:
        case timedelta():
            return format_written(int(value.total_seconds()))
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())
