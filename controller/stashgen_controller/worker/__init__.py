"""The code that runs inside the Jobs, one module per verb; imports no Kubernetes client package."""
