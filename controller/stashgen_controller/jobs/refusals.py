"""What is refused before a pod is thought of: objects that ask for what we cannot do.

Whoever begins something asks here itself: another object's status may say of its last version what
is not true of this one.
"""

from stashgen.api.backup_configuration import BackupConfiguration, BackupConfigurationPhase
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.repository import Repository
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.validation.supported import unsupported_messages
from stashgen.kubestash.validation.usage_policies import is_allowed
from stashgen_controller.jobs.grants import grant_problem
from stashgen_controller.listers.configurations import default_problems_of, resolved_configuration
from stashgen_controller.listers.objects import labels_of_namespace
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.conditions import find
from stashgen_controller.runtime.kind import Reader


def refused_repository(
    reader: Reader, repository: Repository, storage: BackupStorage | None
) -> Reason | None:
    """Why nothing may be begun that writes to a Repository; restores from it may go on."""
    problem = grant_problem(repository, storage)
    if problem is not None or storage is None:
        return problem
    home = repository.metadata.namespace or ""
    labels = labels_of_namespace(reader, home)
    if not is_allowed(storage.spec.usage_policy, storage.key[0], home, labels):
        text = f"BackupStorage {'/'.join(storage.key)} may not be used from namespace {home}"
        return Reason(Cause.GRANT_MISSING, text)
    return _unsupported(repository)


def refused_storage(storage: BackupStorage) -> Reason | None:
    """Why a BackupStorage cannot be used as it is meant."""
    return _unsupported(storage)


def _unsupported(obj: Repository | BackupStorage) -> Reason | None:
    found = unsupported_messages(obj)
    return Reason(Cause.UNSUPPORTED_FIELD, "; ".join(found)) if found else None


def refused_configuration(reader: Reader, written: BackupConfiguration) -> Reason | None:
    """Why nothing may be begun for a BackupConfiguration: it is invalid, or its status says so."""
    configuration = resolved_configuration(reader, written)
    found = (*default_problems_of(reader, written), *unsupported_messages(configuration))
    if found:
        return Reason(Cause.INVALID_FIELD, "; ".join(found))
    status = written.status
    if status is None or status.phase != BackupConfigurationPhase.INVALID:
        return None
    validated = find(status.conditions, ConditionType.VALIDATION_PASSED)
    text = validated.message if validated is not None else None
    return Reason(Cause.INVALID_FIELD, text or "its phase is Invalid")
