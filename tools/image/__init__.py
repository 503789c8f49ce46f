"""The image of controller and worker, built here without a container engine or a registry."""
