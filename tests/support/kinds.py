"""Our kinds, installed on a server of the tests."""

from functools import cache

from stashgen.api.base import JsonObject
from stashgen.api.crd import crd_for
from stashgen.api.definitions import DEFINITIONS
from stashgen.api.resources import CUSTOM_RESOURCE_DEFINITIONS
from stashgen_controller.kube.client import Client


def install_kinds(client: Client) -> None:
    """Create the CustomResourceDefinitions on a server that has none of them."""
    for definition in _definitions():
        client.create(CUSTOM_RESOURCE_DEFINITIONS, None, definition)


@cache
def _definitions() -> tuple[JsonObject, ...]:
    # Made from the models in a fifth of a second, which hundreds of servers would spend again.
    return tuple(crd_for(definition) for definition in DEFINITIONS)
