"""docs/strict-mode.md lists exactly the attacks that are run, with the API server's answers."""

import re
from collections import Counter
from pathlib import Path

import pytest

from stashgen.api.strict_mode import CONTROLLER_USER, LARGEST_PART_BYTES, PARTS
from tests.support.strict.attacks import ATTACKS, BEYOND_ADMISSION, JOBS, WRITES, Attack

_DOCS = Path(__file__).parents[2].joinpath("docs", "strict-mode.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("heading", "attacks"),
    [
        ("### Jobs", JOBS),
        ("### Other writes", WRITES),
        ("### Requests outside admission: denied by RBAC", BEYOND_ADMISSION),
    ],
)
def test_the_table_is_what_is_tried(heading: str, attacks: tuple[Attack, ...]) -> None:
    section = _DOCS.partition(f"{heading}\n")[2].partition("\n#")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if "|" in line]
    assert [tuple(row) for row in rows[2:]] == [(item.name, item.refusal) for item in attacks]


def test_an_attack_has_a_name_of_its_own() -> None:
    names = Counter(item.name for item in (*ATTACKS, *BEYOND_ADMISSION))
    assert [name for name, times in names.items() if times > 1] == []


def test_numbers_and_names_are_those_of_the_code() -> None:
    assert CONTROLLER_USER in _DOCS
    assert f"`{PARTS[0]}` to `{PARTS[-1]}`" in _DOCS
    (megabytes,) = re.findall(r"ReviewedTemplates of ([0-9.]+) MB", _DOCS)
    assert float(megabytes) * 1_000_000 == LARGEST_PART_BYTES


@pytest.mark.parametrize("name", ["README.md", "docs/CHANGELOG.md"])
def test_the_number_of_attacks_is_told_right(name: str) -> None:
    text = Path(__file__).parents[2].joinpath(name).read_text(encoding="utf-8")
    assert re.findall(r"([0-9]+) attacks", text) == [str(len(ATTACKS) + len(BEYOND_ADMISSION))]
