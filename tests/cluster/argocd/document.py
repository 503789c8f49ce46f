"""The files of docs/gitops.md, which are what the tests set up."""

from typing import Any

import yaml

from tests.support.place import ROOT
from tests.support.readme import files

Json = Any
_DOCUMENT = ROOT / "docs" / "gitops.md"


def documented(path: str) -> Json:
    """An object of docs/gitops.md by the file's name that is written above it."""
    return yaml.safe_load(files_below("")[path])


def files_below(folder: str) -> dict[str, str]:
    """The files of docs/gitops.md below a folder, by the rest of their path."""
    found = files(_DOCUMENT.read_text(encoding="utf-8"))
    return {
        path.removeprefix(folder): text for path, text in found.items() if path.startswith(folder)
    }
