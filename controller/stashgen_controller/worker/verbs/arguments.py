"""Arguments that several verbs have."""

from argparse import ArgumentParser


def add_repository(parser: ArgumentParser) -> None:
    """Where in the storage the repository is, and which of its components is meant."""
    for flag in ("--namespace", "--directory", "--component"):
        parser.add_argument(flag, required=True)


def add_cache(parser: ArgumentParser) -> None:
    """Where restic may keep its cache."""
    parser.add_argument("--enable-cache", default="true", choices=("true", "false"))
    parser.add_argument("--scratch-dir")


def items(text: str) -> tuple[str, ...]:
    """The parts of a list with commas."""
    return tuple(part for part in text.split(",") if part)
