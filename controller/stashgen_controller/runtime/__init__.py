"""Our controller-runtime: the ports, the decision, the work queue, the manager."""
