"""Guardrail: what must be true of every protected volume, whoever writes its policy."""

from typing import Literal

from stashgen.api.base import Model
from stashgen.policy.selectors import Match, Select
from stashgen.policy.shared import Metadata


class Rule(Model):
    """A condition that must be true of each volume.

    Attributes:
        expression: CEL over the facts of a volume, true or false.
        severity: Of the finding about volumes of which it is false; a warning fails no build.
        message: What is wrong then, with facts such as ``{{ volume.rpo }}``.
        remedy: What to do about it.
    """

    name: str
    expression: str
    severity: Literal["error", "warning"] = "error"
    message: str
    remedy: str | None = None


class Exemption(Model):
    """Volumes that may break the rules of a Guardrail until a day.

    Attributes:
        match: Which of the Guardrail's volumes.
        until: The last day (``YYYY-MM-DD``, UTC) on which a build accepts it.
    """

    match: Match
    reason: str
    owner: str
    until: str


class GuardrailSpec(Model):
    """Rules about volumes.

    Attributes:
        select: The volumes that the rules are about, of those that a policy protects; default all.
    """

    select: Select = Select()
    rules: tuple[Rule, ...]
    exemptions: tuple[Exemption, ...] = ()


class Guardrail(Model):
    """What must be true of every protected volume, whoever writes its policy."""

    api_version: Literal["stashgen.dev/v1alpha1"]
    kind: Literal["Guardrail"]
    metadata: Metadata
    spec: GuardrailSpec
