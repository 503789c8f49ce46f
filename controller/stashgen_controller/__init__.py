"""The cluster side of stashgen: controller, worker and embedded cluster."""
