"""A small Kubernetes in one process: API server, controllers and a runner for pods."""
