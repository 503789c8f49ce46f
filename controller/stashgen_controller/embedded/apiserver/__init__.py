"""The API server: the part of the Kubernetes REST API that we use."""
