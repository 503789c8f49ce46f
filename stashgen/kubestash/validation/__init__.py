"""What KubeStash's webhooks refuse, and what we do not support."""
