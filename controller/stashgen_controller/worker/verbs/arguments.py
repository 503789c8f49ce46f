"""Arguments shared by several verbs."""

from argparse import ArgumentParser


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
