"""Sizes and durations as statuses show them."""

from datetime import timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stashgen.kubestash import quantities


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0 B"),
        (806, "806 B"),
        (1023, "1023 B"),
        (1024, "1.000 KiB"),
        (1074, "1.049 KiB"),
        (12_815_696, "12.222 MiB"),
        (3 * 1024**3, "3.000 GiB"),
        (5 * 1024**4, "5.000 TiB"),
        (5000 * 1024**4, "5000.000 TiB"),
    ],
)
def test_size_is_written_as_kubestash_writes_it(size_bytes: int, text: str) -> None:
    assert quantities.format_size(size_bytes) == text


@given(st.integers(0, 2**60))
@example(1024**4 - 1)  # written as 1024.000 GiB, as Go's %.3f does
def test_size_is_read_back_to_three_decimals(size_bytes: int) -> None:
    text = quantities.format_size(size_bytes)
    unit = ("B", "KiB", "MiB", "GiB", "TiB").index(text.rpartition(" ")[2])
    assert abs(quantities.parse_size(text) - size_bytes) <= 1 + 1024**unit * 0.000_501


@pytest.mark.parametrize("text", ["", "12", "12MiB", "12 MB", "-1 B", "1e3 B", "12 PiB"])
def test_what_is_not_a_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a size"):
        quantities.parse_size(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("30s", 30.0),
        ("2m", 120.0),
        ("1h30m", 5400.0),
        ("1h0m0s", 3600.0),
        ("7.534461497s", 7.534461),
        ("1.5h", 5400.0),
        (".5s", 0.5),
        ("250ms", 0.25),
        ("10us", 0.00001),
        ("10\u00b5s", 0.00001),
        ("10\u03bcs", 0.00001),
        ("1h1h", 7200.0),
    ],
)
def test_duration_is_read_as_go_reads_it(text: str, seconds: float) -> None:
    assert quantities.parse_duration(text).total_seconds() == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize("text", ["", "1", "s", "1d", "-1s", "1h 30m", "1h30", "9999999999999h"])
def test_what_is_not_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a duration|is longer"):
        quantities.parse_duration(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=58), "58s"),
        (timedelta(milliseconds=500), "500ms"),
        (timedelta(seconds=7.5), "7.5s"),
        (timedelta(seconds=67.5), "1m7.5s"),
        (timedelta(hours=1), "1h0m0s"),
        (timedelta(days=2, minutes=3), "48h3m0s"),
    ],
)
def test_duration_is_written_as_go_writes_it(value: timedelta, text: str) -> None:
    assert quantities.format_duration(value) == text
    assert quantities.parse_duration(text) == value


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("0", "0"), ("1", "1"), ("1.0", "1"), ("0.5", "500m"), (".5", "500m"), ("1.5", "1500m"),
        ("1000m", "1"), ("100m", "100m"), ("1000", "1k"), ("1024", "1024"), ("0.1m", "100u"),
        ("1024Mi", "1Gi"), ("1.5Gi", "1536Mi"), ("0.5Gi", "512Mi"), ("64Mi", "64Mi"),
        ("1Ki", "1Ki"), ("0.5Ki", "512"), ("1000Mi", "1000Mi"), ("0Mi", "0"), ("5000M", "5G"),
        ("1e3", "1e3"), ("0.00000000001", "0.00000000001"),
    ],
)  # fmt: skip
def test_quantity_is_written_as_the_api_server_stores_it(written: str, stored: str) -> None:
    assert quantities.canonical_quantity(written) == stored
