"""What backups come to over time: every run of a horizon, and retention after each, simulated."""
