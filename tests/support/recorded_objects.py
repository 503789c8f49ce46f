"""Objects of our kinds as a cluster had them, one for every phase, and what their health is.

``health/<Kind>/<case>.yaml`` is what ``kubectl get --output=yaml`` gave, without managedFields;
``health/expected.yaml`` says what Argo CD and Flux make of it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

from stashgen.api.crd import crd_for
from stashgen.api.definitions import DEFINITIONS
from stashgen.api.resources import Resource

Json = Any
FOLDER = Path(__file__).parents[1] / "contract" / "health"
# Only KubeStash's own operator leaves a restore so: one of its executors does not tell how it went.
NEVER_OURS = {"RestoreSession/unknown"}


@dataclass(frozen=True, slots=True)
class Recorded:
    """One object, with the words of Argo CD (a status and a message) and of Flux (kstatus)."""

    case: str
    argocd: str
    message: str
    flux: str

    @property
    def path(self) -> Path:
        """The object's file."""
        return FOLDER / f"{self.case}.yaml"

    def object(self) -> Json:
        """The object."""
        return yaml.safe_load(self.path.read_text(encoding="utf-8"))


def recorded() -> list[Recorded]:
    """All of them, in the order of the list."""
    listed = yaml.safe_load((FOLDER / "expected.yaml").read_text(encoding="utf-8"))
    return [Recorded(case=case, **words) for case, words in listed.items()]


def phases() -> dict[Resource, set[str]]:
    """The kinds that have a status, with every phase that their CRD allows."""
    found = {}
    for definition in DEFINITIONS:
        if definition.has_status:
            (version,) = cast("Json", crd_for(definition))["spec"]["versions"]
            status = version["schema"]["openAPIV3Schema"]["properties"]["status"]
            found[definition.resource] = set(status["properties"]["phase"]["enum"])
    return found
