"""What people write: Project, Storage and BackupPolicy (stashgen.dev/v1alpha1)."""
