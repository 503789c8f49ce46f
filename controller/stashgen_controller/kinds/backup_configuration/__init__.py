"""BackupConfiguration: see that everything is there, have sessions scheduled, start the first."""

from stashgen.api.resources import BACKUP_CONFIGURATIONS
from stashgen_controller.kinds.backup_configuration.decide import decide
from stashgen_controller.kinds.backup_configuration.observe import observe
from stashgen_controller.runtime.kind import Kind

KIND = Kind(BACKUP_CONFIGURATIONS, observe, decide)
