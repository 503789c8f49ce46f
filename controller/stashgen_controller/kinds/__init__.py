"""The reconciled kinds, one folder each."""

from collections.abc import Mapping
from typing import Any

from stashgen.api.resources import Resource
from stashgen_controller.kinds import (
    backup_configuration,
    backup_session,
    backup_storage,
    repository,
    restore_request,
    restore_session,
    snapshot,
)
from stashgen_controller.runtime.kind import Kind

KINDS: Mapping[Resource, Kind[Any]] = {
    kind.resource: kind
    for kind in (
        backup_storage.KIND,
        repository.KIND,
        backup_configuration.KIND,
        backup_session.KIND,
        snapshot.KIND,
        restore_session.KIND,
        restore_request.KIND,
    )
}
