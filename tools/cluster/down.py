"""Take the cluster down: nothing of it is left, however it ended, but what is to be kept."""

import shutil

from tools.cluster import cgroups, network, node
from tools.cluster.layout import Layout


def down(layout: Layout, keep: str = "") -> None:
    """End the node, and remove what outlives it: its link, its control groups and its files.

    Args:
        layout: Of the cluster.
        keep: The name under which its store, keys and volumes are kept, so that it can be started
            again; empty where they are not.

    Raises:
        ClusterError: something does not go away.
    """
    if not layout.exists():
        return
    node.destroy(layout)
    network.wait_for_no_link()
    cgroups.remove()
    if keep:
        layout.move_to(layout.kept(keep))
    shutil.rmtree(layout.state)
