"""What runs inside the Jobs; one module a verb. Never imports a Kubernetes client package."""
