"""The README as tests read it: its files, and its commands with what it shows of their output."""

import re
import shlex
from pathlib import Path

from tests.support.place import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
_FILE = re.compile(r"^```yaml\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CONSOLE = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def section(title: str) -> str:
    """The text below a heading."""
    return README.partition(f"## {title}\n")[2].partition("\n## ")[0]


def files(text: str) -> dict[str, str]:
    """The files of a text, by the name in the first line of each."""
    return dict(_FILE.findall(text))


def write_files(text: str, folder: Path) -> None:
    """Write the files of a text."""
    for name, content in files(text).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")


def commands_below(document: str, heading: str) -> list[list[str]]:
    """The commands in the part of a document below a heading of the third level, as words."""
    text = (ROOT / document).read_text(encoding="utf-8")
    part = text.partition(f"### {heading}\n")[2].partition("\n### ")[0]
    found = [shlex.split(command) for command, _ in steps(part)]
    assert found, heading
    return found


def steps(text: str) -> list[tuple[str, str]]:
    """The commands of a text, each with what is shown of its output."""
    found = []
    for block in _CONSOLE.findall(text):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found
