"""What a worker keeps beside restic in a repository: records, writer, locks, restores."""
