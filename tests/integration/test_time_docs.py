"""The commands of docs/time.md print what it shows, in an example."""

import re
import subprocess
import sys

import pytest

from tests.support.place import ROOT
from tests.support.readme import steps

EXAMPLE = ROOT / "examples" / "local-storage"
_TEXT = (ROOT / "docs" / "time.md").read_text(encoding="utf-8")
_PRICES = re.findall(r"^```yaml\n(.*?)^```", _TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(("command", "shown"), steps(_TEXT))
def test_command_prints_what_is_shown(
    command: str, shown: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("docs")
    (prices,) = _PRICES
    (folder / "prices.yaml").write_text(prices, encoding="utf-8")
    stashgen = f'stashgen() {{ "{sys.executable}" -m stashgen "$@" --project "{EXAMPLE}"; }}'
    done = subprocess.run(
        ["bash", "-c", f"{stashgen}; {command}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == (1 if "--fail-on" in command else 0), done.stderr
    assert shown
    assert done.stdout == shown


def test_there_is_a_command_for_each_part() -> None:
    assert len(steps(_TEXT)) == 4
