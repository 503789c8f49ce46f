"""What a worker can be asked to do."""

from enum import StrEnum


class Verb(StrEnum):
    """What a worker can be asked to do."""

    INIT_STORAGE = "init-storage"
    INIT_REPOSITORY = "init-repository"
    BACKUP = "backup"
    RESTORE = "restore"
    RETAIN = "retain"
