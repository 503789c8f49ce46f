"""Which tests run one after the other in one process, and which beside them."""

import re

from xdist.scheduler import LoadScopeScheduling

# The session's parameter comes first in a test's name.
_SERVER = re.compile(r"\[(embedded|real)[-\]]")


class ServerScopes(LoadScopeScheduling):
    """All tests of a server in one process, the other modules in any; the largest scopes first.

    A process that ran tests of both servers would have to start both, and starting one takes as
    long as most modules do.
    """

    def _split_scope(self, nodeid: str) -> str:
        found = _SERVER.search(nodeid)
        return found[1] if found else super()._split_scope(nodeid)
