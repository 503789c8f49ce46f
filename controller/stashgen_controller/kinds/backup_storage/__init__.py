"""BackupStorage: have the backend initialised once by a Job, sum up the repositories in it."""

from stashgen.api.resources import BACKUP_STORAGES
from stashgen_controller.kinds.backup_storage.decide import decide
from stashgen_controller.kinds.backup_storage.observe import observe
from stashgen_controller.runtime.kind import Kind

KIND = Kind(BACKUP_STORAGES, observe, decide)
