"""Durations as people write them in a policy: ``90s``, ``15m``, ``1h30m``, ``7d``."""

import re

_PART = re.compile(r"(?P<number>[0-9]{1,9})(?P<unit>[dhms])", re.ASCII)
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_UNITS = "dhms"


def format_written(seconds: int) -> str:
    """A duration as people write it: ``25h`` is ``1d1h``; at least zero seconds."""
    text = ""
    for unit, size in _SECONDS.items():
        number, seconds = divmod(seconds, size)
        text += f"{number}{unit}" if number else ""
    return text or "0s"


def parse_duration(text: str) -> int:
    """Seconds of a duration: whole numbers with d, h, m and s, each at most once, in that order.

    Raises:
        ValueError: the text is not such a duration, or is zero.
    """
    parts = list(_PART.finditer(text))
    units = "".join(part["unit"] for part in parts)
    if not parts or "".join(part[0] for part in parts) != text:
        raise ValueError('it is not a duration such as "1h30m" or "7d"')
    if list(units) != sorted(set(units), key=_UNITS.index):
        raise ValueError("its units must be d, h, m and s, each at most once and in that order")
    seconds = sum(int(part["number"]) * _SECONDS[part["unit"]] for part in parts)
    if seconds == 0:
        raise ValueError("it is zero")
    return seconds
