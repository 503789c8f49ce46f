"""Where backups are kept, as a file system of fsspec."""
