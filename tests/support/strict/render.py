"""A strict cluster in memory: what the compiler makes of one volume."""

from stashgen.api.base import JsonObject
from stashgen.model.manifest import Manifest
from stashgen.render import render
from tests.support.project import PROJECT, claim, resolved

STRICT_PROJECT = PROJECT.replace("id: dem1,", "id: dem1, strict: true,")
_OF_NO_NAMESPACE = (
    "Kustomization",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
)


def strict_manifests(*names: str) -> tuple[Manifest, ...]:
    """Everything that is rendered for the claims of a strict cluster."""
    inventory = "".join(map(claim, (*names, "backup-store")))
    outcome = resolved(inventory, project=STRICT_PROJECT)
    assert outcome.findings == ()
    return render(outcome.value)


def rendered_objects(*names: str) -> list[JsonObject]:
    """The objects of namespace ``demo`` with these claims; with ``library`` where none is named."""
    data = (item.data for item in strict_manifests(*(names or ("library",))))
    return [item for item in data if item["kind"] not in _OF_NO_NAMESPACE]
