"""Arguments shared by several verbs."""

from argparse import ArgumentParser

# What a new file system has by itself at its top, for its own repairs: no data of the volume, and
# no user but root can read it.
OF_FILE_SYSTEM = frozenset({"lost+found"})


def add_repository(parser: ArgumentParser) -> None:
    """Add the location of the repository in the storage, and the component."""
    for flag in ("--namespace", "--directory", "--component"):
        parser.add_argument(flag, required=True)


def add_cache(parser: ArgumentParser) -> None:
    """Add the settings of restic's cache."""
    parser.add_argument("--enable-cache", default="true", choices=("true", "false"))
    parser.add_argument("--scratch-dir")


def items(text: str) -> tuple[str, ...]:
    """The items of a comma-separated list."""
    return tuple(part for part in text.split(",") if part)
