"""How people name volumes."""

from stashgen.model.inventory import VolumeKey
from stashgen.plan.state import State


def shown(key: VolumeKey, before: State, after: State) -> str:
    """``namespace/claim``, below the cluster's name if there are several."""
    clusters = {**before.clusters, **after.clusters}
    name = f"{key.namespace}/{key.name}"
    return name if len(clusters) == 1 else f"{clusters.get(key.cluster_id, key.cluster_id)}/{name}"
