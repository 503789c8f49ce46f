"""stashgen: backup as code for Kubernetes volumes."""

__version__ = "0.1.0"
HOMEPAGE = "https://stashgen.dev"
