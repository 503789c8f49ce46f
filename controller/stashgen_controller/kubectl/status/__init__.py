"""``status``: one screen for the cluster, one page per volume."""
