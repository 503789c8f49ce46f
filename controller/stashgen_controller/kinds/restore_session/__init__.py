"""RestoreSession: find the Snapshot, restore it once by a Job, say how it went."""

from stashgen.api.resources import RESTORE_SESSIONS
from stashgen_controller.kinds.restore_session.decide import decide
from stashgen_controller.kinds.restore_session.observe import observe
from stashgen_controller.runtime.kind import Kind

KIND = Kind(RESTORE_SESSIONS, observe, decide)
