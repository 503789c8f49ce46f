"""The findings of this pass."""

from enum import StrEnum


class Code(StrEnum):
    """What rules may report; each is explained in docs/findings.md."""

    BROKEN = "SG901"
    EXPRESSION = "SG902"
    NOT_EVALUATED = "SG903"
