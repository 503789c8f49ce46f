"""Layers of what people wrote become one block that knows where each field was set."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from stashgen.api.base import Model
from stashgen.model.merged import Merged
from stashgen.model.source import Origin

M = TypeVar("M", bound=Model)


@dataclass(frozen=True, slots=True)
class Layer(Generic[M]):
    """What one document says of a block.

    Attributes:
        block: None where the document does not have it.
        origin: Where the block is, or would be.
        ignored: Names of fields that mean nothing here.
    """

    block: M | None
    origin: Origin
    ignored: frozenset[str] = frozenset()


def merge(model: type[M], *layers: Layer[M]) -> Merged[M]:
    """Each field from the last layer that writes it.

    A field is taken as a whole: who writes ``runAs: {user: 7}`` takes no group from elsewhere.

    Args:
        model: Of the block.
        layers: From the general to the special, at least one.

    Raises:
        ValueError: no layer has a field that the block needs.
    """
    fields: dict[str, object] = {}
    origins: dict[str, Origin] = {}
    for layer in layers:
        if layer.block is None:
            continue
        for name in layer.block.model_fields_set - layer.ignored:
            written = model.model_fields[name].alias or name
            fields[name] = getattr(layer.block, name)
            origins[written] = layer.origin.at(written)
    return Merged(model.model_validate(fields), origins, layers[-1].origin)
