"""The objects in what a program printed."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from stashgen.diagnostics import ToolError, printable, quote
from stashgen.inventory.objects import Object, objects_of
from stashgen.yaml.documents import read_documents


@dataclass(frozen=True, slots=True)
class Rendered:
    """An object as its source has it.

    Attributes:
        item: The object.
        namespace: Its namespace where it names none and is in one; None if that is not known.
        is_live: It was read from a cluster: it may not be in Git.
    """

    item: Object
    namespace: str | None = None
    is_live: bool = False


def read_objects(text: bytes, shown: str) -> tuple[Object, ...]:
    """The objects in YAML or JSON, lists taken apart.

    Args:
        text: What was printed.
        shown: What printed it.

    Raises:
        ToolError: it is empty, or a part of it is no object.
    """
    if not text.strip():
        raise ToolError(f"{printable(shown)}: no output, where manifests are expected")
    read = read_documents(text, PurePosixPath("output"), dirty=True)
    if read.findings:
        first = read.findings[0]
        place = f"line {first.position.line}"
        raise ToolError(
            f"{printable(shown)}: the output cannot be read: {place}: {first.what} ({first.why})"
        )
    found = tuple(item for document in read.value for item in objects_of(document))
    for item in found:
        if not item.kind or not isinstance(item.data.get("apiVersion"), str):
            raise ToolError(
                f"{printable(shown)}: the output has an item without apiVersion and kind in "
                f"line {item.position.line}, with the fields {quote(', '.join(item.data))}"
            )
    return found


def all_rendered(
    items: Iterable[Object], namespace: str | None = None, *, is_live: bool = False
) -> tuple[Rendered, ...]:
    """The same of every object."""
    return tuple(Rendered(item, namespace, is_live) for item in items)
