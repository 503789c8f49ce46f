"""The table of faults is what the tests of them read, row for row."""

from pathlib import Path

from tests.support import faults

_TESTS = Path(__file__).parents[1]


def test_every_row_is_proven_by_a_test() -> None:
    tests = "".join(path.read_text(encoding="utf-8") for path in _TESTS.rglob("test_faults_*.py"))
    rows = list(faults.rows())
    assert len(rows) > 10
    assert [row.what for row in rows if f'"{row.what}"' not in tests] == []


def test_every_row_says_what_happens_and_what_to_do() -> None:
    lines = [line for line in faults.TABLE.read_text(encoding="utf-8").splitlines() if "|" in line]
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        assert len(cells) == 4, line
        assert all(cells), line


def test_failures_say_why() -> None:
    assert [row.what for row in faults.rows() if row.phase == "Failed" and not row.texts] == []
