"""What a change means: two states of a project in, a Plan out."""

from stashgen.plan.compare import compare
from stashgen.plan.plan import Plan
from stashgen.plan.state import State

__all__ = ["Plan", "State", "compare"]
