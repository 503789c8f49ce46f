"""The pass after resolve: rules of CEL over what was decided for each volume."""

from stashgen.guardrails.check import check_guardrails

__all__ = ["check_guardrails"]
