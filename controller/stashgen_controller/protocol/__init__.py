"""What controller and worker say to each other."""
