"""``status``: one screen for the cluster, one page for a volume."""
