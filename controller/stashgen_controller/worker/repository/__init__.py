"""What a worker keeps next to restic's data in a repository: records, writer, locks, restores."""
