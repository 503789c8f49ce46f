"""How a worker reads and writes a storage: one module a provider, loaded for its storages only.

The module of a provider has the name of its row in ``stashgen.kubestash.backends``.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from stashgen.kubestash.backends import BACKENDS
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.storage.base import Storage, StorageError


class ProviderModule(Protocol):
    """What each of this folder's modules has."""

    def open_storage(self, url: str, flags: Mapping[str, str], credentials: Path) -> Storage:
        """Open a storage of the provider; see the function of that name."""


def open_storage(url: str, flags: Mapping[str, str], credentials: Path) -> Storage:
    """Open the storage at an address.

    Args:
        url: As restic spells it; the provider is known by how it begins.
        flags: What the command line says of the way there, without what it does not say.
        credentials: The folder with the keys, a file each.

    Raises:
        StorageError: no provider has such addresses, or the keys are not there.
    """
    for name, backend in BACKENDS.items():
        if url.startswith(backend.url_prefix):
            module = cast("ProviderModule", import_module(f"{__name__}.{name}"))
            return module.open_storage(url, flags, credentials)
    raise StorageError(ErrorClass.INTERNAL, f"{url} is not the address of a storage")
