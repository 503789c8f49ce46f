"""What stops the cluster's tools, told to the person who ran them."""


class ClusterError(Exception):
    """The cluster cannot be started, stopped or used; the message says why and what to do."""
