"""Repository: have its restic repositories made once, one a session; sum up its Snapshots."""

from stashgen.api.resources import REPOSITORIES
from stashgen_controller.kinds.repository.decide import decide
from stashgen_controller.kinds.repository.observe import observe
from stashgen_controller.runtime.kind import Kind

KIND = Kind(REPOSITORIES, observe, decide)
