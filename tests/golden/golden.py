"""Compare produced files with a committed folder, byte for byte; or rewrite the folder."""

import difflib
import shutil
from collections.abc import Mapping
from pathlib import Path

HINT = "run: pytest tests/golden --update-golden, then read git diff"


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path with slashes; empty if there is no folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def rewrite(folder: Path, produced: Mapping[str, bytes]) -> None:
    """Make the folder hold exactly the produced files."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in produced.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def differences(folder: Path, produced: Mapping[str, bytes]) -> list[str]:
    """What to tell about files that are missing, unexpected or different; empty if all agree."""
    expected = files_below(folder)
    report = [f"not produced: {name}" for name in sorted(expected.keys() - produced.keys())]
    report += [f"not expected: {name}" for name in sorted(produced.keys() - expected.keys())]
    for name in sorted(expected.keys() & produced.keys()):
        if expected[name] != produced[name]:
            lines = difflib.unified_diff(
                _lines(expected[name]),
                _lines(produced[name]),
                f"expected/{name}",
                f"produced/{name}",
                lineterm="",
            )
            report += list(lines) or [f"bytes differ: {name}"]
    return [*report, HINT] if report else []


def _lines(content: bytes) -> list[str]:
    return content.decode(errors="backslashreplace").splitlines()
