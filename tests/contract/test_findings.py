"""The catalogue of findings is complete: every code in the source has an entry, and only those."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
CATALOGUE = ROOT / "docs" / "findings.md"
SOURCES = (ROOT / "stashgen", ROOT / "controller" / "stashgen_controller")


def test_every_code_in_the_source_is_documented_once_and_nothing_else_is() -> None:
    used = {
        code
        for folder in SOURCES
        for path in folder.rglob("*.py")
        for code in re.findall(r'"(SG\d{3})"', path.read_text(encoding="utf-8"))
    }
    headings = re.findall(
        r"^### (SG\d{3}): \S", CATALOGUE.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert [code for code, times in Counter(headings).items() if times > 1] == []
    assert sorted(used - set(headings)) == [], "not documented"
    assert sorted(set(headings) - used) == [], "documented, but no longer in the source"
    assert headings == sorted(headings)


def test_a_code_is_declared_in_one_place() -> None:
    declared = Counter(
        code
        for folder in SOURCES
        for path in folder.rglob("*.py")
        for code in re.findall(
            r'^\s+[A-Z_0-9]+ = "(SG\d{3})"', path.read_text("utf-8"), re.MULTILINE
        )
    )
    assert [code for code, times in declared.items() if times > 1] == []
