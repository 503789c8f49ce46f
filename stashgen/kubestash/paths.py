"""Where things are mounted in our pods; apart from the rest so that a worker starts quickly."""

TMP_PATH = "/kubestash-tmp"
DATA_PATH = "/kubestash-data"
CREDENTIALS_PATH = "/var/run/stashgen/credentials"
ENCRYPTION_PATH = "/var/run/stashgen/encryption"
# The key of the Secret with a repository's password, and so the file's name.
ENCRYPTION_KEY = "RESTIC_PASSWORD"
SESSION_PATH = "/var/run/stashgen/session"
