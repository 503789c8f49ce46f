"""Merge the layers of a setting into one block that records where each field was set."""

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from stashgen.api.base import Model
from stashgen.model.merged import Merged
from stashgen.model.source import Origin

M = TypeVar("M", bound=Model)
B_co = TypeVar("B_co", bound=Model, covariant=True)


@dataclass(frozen=True, slots=True)
class Layer(Generic[B_co]):
    """One document's version of a block.

    Attributes:
        block: None if the document does not have it.
        origin: Where the block is, or would be.
        ignored: Names of fields that do not apply here.
    """

    block: B_co | None
    origin: Origin
    ignored: frozenset[str] = frozenset()


def merge(model: type[M], *layers: Layer[Model]) -> Merged[M]:
    """Each field from the last layer that sets it.

    A field is taken as a whole: ``runAs: {user: 7}`` does not inherit a group from another layer.
    A field that is null is not set, and neither is one that the model does not have.

    Args:
        model: The block's model.
        layers: From the most general to the most specific, at least one.

    Raises:
        ValueError: no layer sets a required field of the block.
    """
    fields: dict[str, object] = {}
    parts: dict[str | int, Origin] = {}
    for layer in layers:
        if layer.block is None:
            continue
        for name in (layer.block.model_fields_set & model.model_fields.keys()) - layer.ignored:
            value = getattr(layer.block, name)
            if value is not None:
                written = model.model_fields[name].alias or name
                fields[name] = value
                parts[written] = layer.origin.at(written)
    return Merged(model.model_validate(fields), replace(layers[-1].origin, parts=parts))
