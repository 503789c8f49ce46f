"""How a worker reads and writes a storage: one module per provider, imported only if needed.

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
    """The interface of this folder's provider modules."""

    def open_storage(self, url: str, flags: Mapping[str, str], credentials: Path) -> Storage:
        """Open a storage of the provider; see the function of that name."""


def open_storage(url: str, flags: Mapping[str, str], credentials: Path) -> Storage:
    """Open the storage at an address.

    Args:
        url: As restic spells it; its prefix identifies the provider.
        flags: The storage flags that were set on the command line.
        credentials: The folder with the keys, one file per key.

    Raises:
        StorageError: no provider has such addresses, or the keys are missing.
    """
    for name, backend in BACKENDS.items():
        if url.startswith(backend.url_prefix):
            module = cast("ProviderModule", import_module(f"{__name__}.{name}"))
            return module.open_storage(url, flags, credentials)
    raise StorageError(ErrorClass.INTERNAL, f"{url} is not a storage address")
