"""Whether a pod in a Repository's namespace can use the storage and the key that it names."""

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.repository import Repository
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.causes import Cause


def may_use_storage(repository: Repository) -> bool:
    """Whether a pod of the repository could use its storage: both are in one namespace."""
    return repository.storage_key[0] == repository.metadata.namespace


def grant_problem(repository: Repository, storage: BackupStorage | None) -> Reason | None:
    """Why no pod in the repository's namespace can use what the repository names."""
    if storage is None:
        return no_storage(repository)
    home = repository.metadata.namespace
    if not may_use_storage(repository):
        text = f"BackupStorage {'/'.join(repository.storage_key)} is not in namespace {home}"
        return Reason(Cause.GRANT_MISSING, text)
    secret = repository.spec.encryption_secret
    if secret is not None and secret.namespace not in {None, "", home}:
        text = f"Secret {secret.namespace}/{secret.name} is not in namespace {home}"
        return Reason(Cause.GRANT_MISSING, text)
    return None


def no_storage(repository: Repository) -> Reason:
    """That a repository's storage is not there."""
    text = f"BackupStorage {'/'.join(repository.storage_key)} does not exist"
    return Reason(Cause.NO_STORAGE, text)
