"""A candidate that only writes down when it may act: ``candidate.py URL NAME JOURNAL``."""

import sys
import time
from pathlib import Path

from stashgen_controller.kube.client import Client
from stashgen_controller.kube.leader_election import LeaderElection, Timing, new_identity, uptime
from tests.integration.controller_process.election import LEASE


def main() -> int:
    """Lead if possible; 1 once the lead is lost."""
    url, name, journal = sys.argv[1:]
    election = LeaderElection(
        Client.for_url(url),
        "stashgen-system",
        new_identity(name),
        on_start=lambda: None,
        timing=Timing(LEASE),
    )
    election.start()
    with Path(journal).open("a", buffering=1) as lines:
        while not election.is_lost:
            # The time is taken first: what is written is that we led at that time, and however
            # long this process sleeps between the two lines makes no difference to that.
            now = uptime()
            if election.is_leading:
                lines.write(f"{now} {name}\n")
            time.sleep(0.005)
    return 1


if __name__ == "__main__":
    sys.exit(main())
