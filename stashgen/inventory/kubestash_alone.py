"""What is wrong with a KubeStash object by itself, whatever else is in its cluster."""

import re
from collections.abc import Iterator

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.backup_storage import BackupStorage, BackupStorageSpec
from stashgen.api.meta import Kind, ObjectMeta
from stashgen.api.restore_session import RestoreSession
from stashgen.api.retention_policy import RetentionPolicy, RetentionPolicySpec
from stashgen.api.shared import AllowedNamespaces, NamespaceScope, UsagePolicy
from stashgen.kubestash.defaults import with_configuration_defaults, with_storage_defaults
from stashgen.kubestash.validation.backup_configuration import (
    validate_backup_configuration,
    validate_restore_session,
)
from stashgen.kubestash.validation.storages import (
    validate_backup_storage,
    validate_retention_policy,
)

_SESSION = re.compile(r"session '([^']*)'")
_FIELD = re.compile(r"spec(\.[A-Za-z0-9]+)*")
_ALL = UsagePolicy(allowed_namespaces=AllowedNamespaces(from_=NamespaceScope.ALL))
_META = ObjectMeta(name="default", namespace="default")
# What a cluster may have as defaults, so that leaving out a reference to them is no mistake.
_STORAGE = BackupStorage(metadata=_META, spec=BackupStorageSpec(default=True, usage_policy=_ALL))
_POLICY = RetentionPolicy(metadata=_META, spec=RetentionPolicySpec(default=True, usage_policy=_ALL))


def problems_alone(obj: Kind) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What makes an object invalid, with the path of the field; nothing for other kinds.

    The rules are those of the controller. What another object decides (a default, a clash, a
    usage policy) does not count.
    """
    match obj:
        case BackupConfiguration():
            complete = with_configuration_defaults(obj, [_STORAGE], [_POLICY], {})
            names = [session.name for session in obj.spec.sessions]
            for message in validate_backup_configuration(complete):
                named = _SESSION.match(message)
                if named is not None and named[1] in names:
                    yield ("spec", "sessions", names.index(named[1])), message
                else:
                    yield _field(message), message
        case RestoreSession():
            for message in validate_restore_session(obj):
                yield _field(message), message
        case BackupStorage():
            for message in validate_backup_storage(with_storage_defaults(obj)):
                yield _field(message), message
        case RetentionPolicy():
            for message in validate_retention_policy(obj):
                yield _field(message), message
        case _:
            pass


def _field(message: str) -> tuple[str, ...]:
    """The path that a message begins with, or the whole spec."""
    named = _FIELD.match(message)
    return tuple(named[0].split(".")) if named is not None else ("spec",)
