"""The PersistentVolume controller of a storage class with the binding mode ``Immediate``."""

from functools import partial
from typing import ClassVar

from stashgen.api.base import name_of, namespace_of
from stashgen.api.resources import PERSISTENT_VOLUME_CLAIMS, Resource
from stashgen_controller.embedded.controllers.loop import ControlLoop
from stashgen_controller.runtime.kind import phase_of


class ClaimBinder(ControlLoop):
    """Binds every claim: its volume is a folder, which is made with the first pod."""

    resources: ClassVar[tuple[Resource, ...]] = (PERSISTENT_VOLUME_CLAIMS,)

    def sync(self) -> None:
        """One pass over all claims."""
        for claim in self.caches[PERSISTENT_VOLUME_CLAIMS].items():
            if phase_of(claim) == "Pending":
                self.attempt(partial(self._bind, namespace_of(claim), name_of(claim)))

    def _bind(self, namespace: str, name: str) -> None:
        bound = {"status": {"phase": "Bound"}}
        self.client.patch(PERSISTENT_VOLUME_CLAIMS, namespace, name, bound, status=True)
