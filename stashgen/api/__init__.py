"""What Kubernetes reads: one module a kind; CRDs and JSON schemas are generated from the models."""
