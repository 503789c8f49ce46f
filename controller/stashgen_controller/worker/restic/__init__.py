"""restic as a process: its commands, output and interruption."""
