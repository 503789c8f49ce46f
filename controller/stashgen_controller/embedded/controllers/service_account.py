"""The ServiceAccount controller: every namespace has the account ``default``."""

from functools import partial
from typing import ClassVar, cast

from stashgen.api.resources import NAMESPACES, SERVICE_ACCOUNTS, Resource
from stashgen_controller.embedded.controllers.loop import ControlLoop

_NAME = "default"


class DefaultAccounts(ControlLoop):
    """Creates the account that pods run under which name none."""

    resources: ClassVar[tuple[Resource, ...]] = (NAMESPACES, SERVICE_ACCOUNTS)

    def sync(self) -> None:
        """One pass over all namespaces."""
        for namespace in self.caches[NAMESPACES].items():
            metadata = cast("dict[str, str]", namespace["metadata"])
            name = metadata["name"]
            is_there = self.caches[SERVICE_ACCOUNTS].get(name, _NAME) is not None
            if not is_there and "deletionTimestamp" not in metadata:
                self.attempt(partial(self._create, name))

    def _create(self, namespace: str) -> None:
        self.client.create(SERVICE_ACCOUNTS, namespace, {"metadata": {"name": _NAME}})
