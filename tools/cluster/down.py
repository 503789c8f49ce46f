"""Take the cluster down: nothing of it is left, however it ended."""

import shutil

from tools.cluster import cgroups, network, node
from tools.cluster.layout import Layout


def down(layout: Layout) -> None:
    """End the node, and remove what outlives it: its link, its control groups and its files.

    Raises:
        ClusterError: something does not go away.
    """
    if not layout.exists():
        return
    node.destroy(layout)
    network.wait_for_no_link()
    cgroups.remove()
    shutil.rmtree(layout.state)
