"""RestoreRequest: one RestoreSession for one reviewed act, resumed if it was interrupted."""

from stashgen.api.resources import RESTORE_REQUESTS
from stashgen_controller.kinds.restore_request.decide import decide
from stashgen_controller.kinds.restore_request.observe import observe
from stashgen_controller.runtime.kind import Kind

KIND = Kind(RESTORE_REQUESTS, observe, decide)
