"""BackupSession: one Snapshot a repository, one Job a Snapshot, one after the other."""

from stashgen.api.resources import BACKUP_SESSIONS
from stashgen_controller.kinds.backup_session.decide import decide
from stashgen_controller.kinds.backup_session.observe import observe
from stashgen_controller.runtime.kind import Kind

KIND = Kind(BACKUP_SESSIONS, observe, decide)
