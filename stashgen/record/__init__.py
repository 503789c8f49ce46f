"""What the output folder held before the build: the record of what is protected."""

from stashgen.record.histories import histories
from stashgen.record.recover import recover

__all__ = ["histories", "recover"]
