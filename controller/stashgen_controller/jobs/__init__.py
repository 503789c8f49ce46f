"""What a Job is, where its pod comes from, and what became of it."""
