"""The pass itself; it loads the library of CEL, an extra, for a project that has rules."""

from collections.abc import Mapping, Sequence

from stashgen.diagnostics import Finding, ToolError
from stashgen.model.facts import RuledVolume
from stashgen.model.source import Authored
from stashgen.policy.guardrail import Guardrail


def check_guardrails(
    guardrails: Sequence[Authored[Guardrail]], ruled: Mapping[str, tuple[RuledVolume, ...]]
) -> tuple[Finding, ...]:
    """What is wrong with the rules, and which volumes break them.

    Args:
        guardrails: With the rules.
        ruled: The volumes that each is about, by its name.

    Raises:
        ToolError: the library is not installed.
    """
    if not guardrails:
        return ()
    try:
        from stashgen.guardrails.rules import rule_findings
    except ModuleNotFoundError as error:
        if error.name != "cel_expr_python":
            raise
        first = guardrails[0]
        raise ToolError(
            f"{first.document.start} is a Guardrail, and the library that evaluates it is not "
            "installed",
            [
                "install it beside stashgen: pip install 'cel-expr-python>=0.1.3'",
                "or both: uv tool install 'PATH-OF-THE-CHECKOUT[guardrails]'",
            ],
        ) from error
    return tuple(rule_findings(guardrails, ruled))
