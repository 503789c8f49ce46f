"""What a backup's parameters may say of the files of a volume: paths, and patterns to leave out."""

from collections.abc import Iterator

from stashgen.kubestash.paths import DATA_PATH


def why_no_path(path: str) -> str | None:
    """Why a path is none of the mounted volume; None for one that is.

    Args:
        path: As restic gets it.
    """
    steps = path.split("/")
    if ".." in steps:
        return f"path {path!r} leads out of the volume"
    if path != DATA_PATH and not path.startswith(f"{DATA_PATH}/"):
        return f"path {path!r} is not in the volume, which is mounted at {DATA_PATH}"
    return None


def why_no_pattern(pattern: str) -> str | None:
    """Why restic refuses a pattern, or why it would leave out everything; None for a good one.

    A pattern consists of steps between slashes, each of which Go matches (filepath.Match); ``**``
    stands for any number of steps (restic manual, "Excluding Files").
    """
    if pattern.startswith("!"):
        return f"pattern {pattern!r} would re-include files, but nothing is left out before it"
    if not pattern.strip("/*?"):
        return f"pattern {pattern!r} leaves out every file"
    wrong = next(filter(None, map(_why_no_step, pattern.split("/"))), None)
    return f"pattern {pattern!r} {wrong}" if wrong is not None else None


def _why_no_step(step: str) -> str | None:
    characters = iter(step)
    for character in characters:
        if character == "\\" and next(characters, None) is None:
            return "ends with a lone backslash"
        if character == "[" and not _is_class(characters):
            return 'has a "[" that begins no class such as [a-z]: write \\[ for a literal one'
    return None


def _is_class(characters: Iterator[str]) -> bool:
    """Whether a class of characters ends well: ``[`` has been read."""
    first = next(characters, None)
    if first == "^":
        first = next(characters, None)
    # At least one character or range stands in it.
    if first is None or first == "]":
        return False
    while first != "]":
        if first is None or first == "-" or (first == "\\" and next(characters, None) is None):
            return False
        first = next(characters, None)
        if first == "-":
            last = next(characters, None)
            if last is None or last in "]-" or (last == "\\" and next(characters, None) is None):
                return False
            first = next(characters, None)
    return True
