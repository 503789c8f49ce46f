"""Values that restic takes for its own variables."""

import pytest

from stashgen.kubestash.pods.environment import why_no_setting


@pytest.mark.parametrize(
    ("name", "value", "is_taken"),
    [
        ("RESTIC_PACK_SIZE", "", True),
        ("RESTIC_PACK_SIZE", "0", True),
        ("RESTIC_PACK_SIZE", "064", True),
        ("RESTIC_PACK_SIZE", "3", False),
        ("RESTIC_PACK_SIZE", "0000000000000003", False),
        ("RESTIC_READ_CONCURRENCY", "0", True),
        ("RESTIC_READ_CONCURRENCY", "1024", True),
        ("RESTIC_READ_CONCURRENCY", "1025", False),
        ("RESTIC_READ_CONCURRENCY", "٣", False),
        ("RESTIC_COMPRESSION", "max", True),
        ("RESTIC_COMPRESSION", "MAX", False),
        ("GOGC", "anything", True),
    ],
)
def test_zero_is_restics_own_choice(name: str, value: str, *, is_taken: bool) -> None:
    assert (why_no_setting(name, value) is None) is is_taken
