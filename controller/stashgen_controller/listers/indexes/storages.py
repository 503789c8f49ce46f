"""How BackupStorages are found."""

from collections.abc import Iterator

from pydantic import ValidationError

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import (
    JsonObject,
)
from stashgen.kubestash.defaults import with_storage_defaults
from stashgen.kubestash.validation.storages import storage_place
from stashgen_controller.listers.indexes.keys import named_templates, spec_of
from stashgen_controller.runtime.kind import Index, IndexKey


def _storage_place(obj: JsonObject) -> Iterator[IndexKey]:
    """Parsed, unlike for other indexes: there are few storages, each provider has its fields."""
    try:
        storage = with_storage_defaults(BackupStorage.from_wire(obj))
    except ValidationError:
        # Its own look says so.
        return
    place = storage_place(storage.spec.storage)
    if place is not None:
        yield place


STORAGES_BY_TEMPLATE = Index(BackupStorage, named_templates)
# Provider and bucket with its directory: no two storages may share that.
STORAGES_BY_PLACE = Index(BackupStorage, _storage_place)
# Under the empty key.
DEFAULT_STORAGES = Index(BackupStorage, lambda obj: ((),) if spec_of(obj).get("default") else ())
