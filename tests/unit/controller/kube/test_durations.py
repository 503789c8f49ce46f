"""Ages as kubectl prints them."""

import pytest

from stashgen_controller.kube.durations import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (150, "2m30s"),
        (599, "9m59s"),
        (600, "10m"),
        (3 * 3600 - 1, "179m"),
        (3 * 3600, "3h"),
        (7 * 3600 + 1800, "7h30m"),
        (8 * 3600, "8h"),
        (47 * 3600, "47h"),
        (48 * 3600, "2d"),
        (7 * 86400 + 3600, "7d1h"),
        (8 * 86400, "8d"),
        (3 * 365 * 86400, "3y"),
    ],
)
def test_duration_is_shortened_as_kubectl_does(seconds: float, text: str) -> None:
    assert duration(seconds) == text
