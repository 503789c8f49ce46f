"""Where things are mounted in our pods; apart from the rest so that a worker starts quickly."""

TMP_PATH = "/kubestash-tmp"
DATA_PATH = "/kubestash-data"
CREDENTIALS_PATH = "/var/run/stashgen/credentials"
ENCRYPTION_PATH = "/var/run/stashgen/encryption"
SESSION_PATH = "/var/run/stashgen/session"
