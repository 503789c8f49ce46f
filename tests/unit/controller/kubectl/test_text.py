"""Tables that stay within the terminal, and say nothing that they should not."""

from datetime import UTC, datetime, timedelta

from stashgen_controller.kubectl.text import age, count, moment, table

_NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_ROWS = [["a", "a short reason"], ["longer", "one two three four five six seven eight nine ten"]]


def test_columns_are_as_wide_as_they_must_be_and_the_last_is_one_line_in_a_pipe() -> None:
    assert table(["NAME", "WHY"], _ROWS, None) == (
        "NAME    WHY\n"
        "a       a short reason\n"
        "longer  one two three four five six seven eight nine ten"
    )


def test_a_narrow_terminal_breaks_the_last_column_under_itself() -> None:
    assert table(["NAME", "WHY"], _ROWS, 34, "  ") == (
        "  NAME    WHY\n"
        "  a       a short reason\n"
        "  longer  one two three four five\n"
        "          six seven eight nine ten"
    )


def test_a_reason_takes_three_lines_at_most() -> None:
    text = table(["NAME", "WHY"], [["a", "word " * 60]], 40)
    assert len(text.splitlines()) == 4
    assert text.endswith(" ...")
    assert all(len(line) <= 40 for line in text.splitlines())


def test_a_row_that_is_too_wide_goes_on_in_the_next_line() -> None:
    rows = [["payments", "library-backup-1772366400", "Succeeded", "removed next"]]
    assert table(["NAMESPACE", "NAME", "PHASE", "RETENTION"], rows, 40) == (
        "NAMESPACE  NAME\n"
        "  PHASE      RETENTION\n"
        "payments   library-backup-1772366400\n"
        "  Succeeded  removed next"
    )
    assert table(["A", "B", "C"], [["a" * 9, "b" * 9, "c" * 9]], 12, " ").splitlines()[3:] == [
        " " + "a" * 9,
        "   " + "b" * 9,
        "   " + "c" * 9,
    ]


def test_no_name_is_cut() -> None:
    assert "n" * 50 in table(["NAME", "WHY"], [["a", f"because of {'n' * 50}"]], 40)


def test_a_terminal_that_is_narrower_than_a_name_still_shows_everything() -> None:
    text = table(["NAME", "WHY"], [["n" * 30, "because of something"]], 10)
    assert "n" * 30 in text
    assert "because of something" in text


def test_what_the_cluster_says_cannot_drive_the_terminal() -> None:
    text = table(["WHY"], [["\x1b[2Jgone\nLATE (0)"]], None)
    assert text == "WHY\n\\x1b[2Jgone\\nLATE (0)"


def test_an_empty_cell_is_seen() -> None:
    assert table(["A", "B"], [["", "x"]], None) == "A  B\n-  x"


def test_times_and_counts() -> None:
    assert age(_NOW - timedelta(minutes=7, seconds=12), _NOW) == "7m12s"
    assert age(None, _NOW) == "-"
    assert moment(_NOW) == "2026-03-01 12:00:00Z"
    assert (count(1, "copy", "copies"), count(2, "copy", "copies")) == ("1 copy", "2 copies")
    assert count(0, "volume") == "0 volumes"
