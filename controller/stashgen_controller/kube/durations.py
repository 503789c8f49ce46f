"""Ages as kubectl prints them."""

from collections.abc import Sequence

_SECOND, _MINUTE, _HOUR, _DAY = 1, 60, 3600, 86400


def duration(seconds: float) -> str:
    """A time span as kubectl shortens it (apimachinery, ``duration.HumanDuration``)."""
    whole = max(0, int(seconds))
    steps = (
        (2 * _MINUTE, ((_SECOND, "s"),)),
        (10 * _MINUTE, ((_MINUTE, "m"), (_SECOND, "s"))),
        (3 * _HOUR, ((_MINUTE, "m"),)),
        (8 * _HOUR, ((_HOUR, "h"), (_MINUTE, "m"))),
        (2 * _DAY, ((_HOUR, "h"),)),
        (8 * _DAY, ((_DAY, "d"), (_HOUR, "h"))),
        (2 * 365 * _DAY, ((_DAY, "d"),)),
        (8 * 365 * _DAY, ((365 * _DAY, "y"), (_DAY, "d"))),
    )
    for below, units in steps:
        if whole < below:
            return _in_units(whole, units)
    return _in_units(whole, ((365 * _DAY, "y"),))


def _in_units(seconds: int, units: Sequence[tuple[int, str]]) -> str:
    text = ""
    for index, (size, unit) in enumerate(units):
        count, seconds = divmod(seconds, size)
        if count or index == 0:
            text += f"{count}{unit}"
    return text
