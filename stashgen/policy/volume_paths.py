"""Paths of a volume that are backed up, as sessions and annotations write them."""

from collections.abc import Iterable

from stashgen.diagnostics import quote

WHY = (
    "it names one file or folder below the top of the volume: no pattern, no comma, no .. and "
    "no $( of a variable"
)
FIX = 'use a path such as "data/uploads"; patterns belong in exclude'


def is_path(text: str) -> bool:
    """Whether it is a file or folder of a volume; a slash at its beginning is the volume's top."""
    inner = text.strip("/")
    is_plain = text == text.strip() and text.isprintable() and not {*"*?[,\\"} & {*text}
    is_below = inner == "." or not {"", ".", ".."} & {*inner.split("/")}
    return bool(text) and is_plain and "$(" not in text and (is_below or text == "/")


def nested(paths: Iterable[str]) -> str | None:
    """A path that is in another one, so that its files would be backed up twice; None without."""
    found = [tuple(part for part in path.split("/") if part not in {"", "."}) for path in paths]
    for index, one in enumerate(found):
        for other in found[index + 1 :]:
            inner, outer = (one, other) if len(one) > len(other) else (other, one)
            if inner[: len(outer)] == outer:
                return "/".join(inner) or "."
    return None


def parse_paths(text: str) -> tuple[str, ...]:
    """The paths of an annotation: a list with commas.

    Raises:
        ValueError: one is not a path, or is in another one.
    """
    paths = tuple(part.strip() for part in text.split(","))
    for one in paths:
        if not is_path(one):
            raise ValueError(f"{quote(one)} is not a path in a volume")
    inner = nested(paths)
    if inner is not None:
        raise ValueError(f"{quote(inner)} is in another path of the list")
    return paths
