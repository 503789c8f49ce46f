"""What the output folder held before the build: the record of what is protected."""

from stashgen.record.histories import histories
from stashgen.record.moved import moved_storages
from stashgen.record.recover import recover

__all__ = ["histories", "moved_storages", "recover"]
