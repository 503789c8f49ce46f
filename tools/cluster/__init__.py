"""A real one-node Kubernetes on this machine, for the end-to-end tests; see ``up.py``.

The node lives in network, mount and process namespaces of its own, under one process 1: what it
mounts, routes and starts is nothing of the machine's, and ends with that process.
"""
