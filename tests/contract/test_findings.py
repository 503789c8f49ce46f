"""The catalogue of findings is complete: every code in the source has an entry, and only those."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
CASES = ROOT / "tests" / "golden" / "cases"
CATALOGUE = ROOT / "docs" / "findings.md"
SOURCES = (ROOT / "stashgen", ROOT / "controller" / "stashgen_controller")

# What makes these, or what they print, is too long to be committed: the reader's own tests do it.
NOT_IN_A_CASE = frozenset({"SG101", "SG115"})


def test_every_code_in_the_source_is_documented_once_and_nothing_else_is() -> None:
    used = _used_codes()
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


def test_every_code_is_printed_in_a_golden_case() -> None:
    printed = {
        code
        for path in CASES.glob("*/expected/*.txt")
        for code in re.findall(r" (SG\d{3}): ", path.read_text(encoding="utf-8"))
    }
    assert _used_codes() - printed == NOT_IN_A_CASE
    reader = (ROOT / "tests" / "unit" / "stashgen" / "yaml" / "test_documents.py").read_text(
        encoding="utf-8"
    )
    assert sorted(code for code in NOT_IN_A_CASE if f'"{code}"' not in reader) == []


def _used_codes() -> set[str]:
    return {
        code
        for folder in SOURCES
        for path in folder.rglob("*.py")
        for code in re.findall(r'"(SG\d{3})"', path.read_text(encoding="utf-8"))
    }
