"""Which part of the data a check reads."""

import pytest

from stashgen_controller.worker.verbs.upkeep import data_flags


def test_without_a_share_no_data_is_read() -> None:
    assert data_flags(0, 7) == ()


def test_more_than_half_is_all_of_it() -> None:
    assert data_flags(100, 7) == data_flags(51, 0) == ("--read-data",)


@pytest.mark.parametrize(("share", "parts"), [(1, 100), (5, 20), (30, 3), (50, 2)])
def test_each_check_reads_another_part_and_in_the_end_all_were_read(share: int, parts: int) -> None:
    flags = [data_flags(share, number) for number in range(parts)]
    assert flags == [(f"--read-data-subset={n}/{parts}",) for n in range(1, parts + 1)]
    assert data_flags(share, parts) == flags[0]
