"""Sizes, durations and quantities as KubeStash and Kubernetes write them."""

import re
from datetime import timedelta
from decimal import Decimal

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")
_STEP = 1024
_SIZE = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) (?P<unit>B|KiB|MiB|GiB|TiB)")
_DURATION_PART = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?P<unit>ns|us|\u00b5s|\u03bcs|ms|s|m|h)"
)
_SECONDS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
# Go reads both the micro sign and the Greek letter.
_SECONDS |= {"\u00b5s": 1e-6, "\u03bcs": 1e-6}

_QUANTITY = re.compile(
    r"(?P<number>[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?P<suffix>[KMGTPE]i|[munkMGTPE]?)"
)
_DECIMAL = ("n", "u", "m", "", "k", "M", "G", "T", "P", "E")
_BINARY = ("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei")

_LONGEST_SECONDS = 2**63 / 1e9


def format_size(size_bytes: int) -> str:
    """``N B`` below one KiB, otherwise three decimals of the largest fitting unit."""
    value, unit = float(size_bytes), 0
    while value >= _STEP and unit < len(_UNITS) - 1:
        value /= _STEP
        unit += 1
    return f"{size_bytes} B" if unit == 0 else f"{value:.3f} {_UNITS[unit]}"


def parse_size(text: str) -> int:
    """Bytes of a formatted size (rounded, because three decimals are all there is).

    Raises:
        ValueError: when the text is not such a size.
    """
    match = _SIZE.fullmatch(text)
    if match is None:
        msg = f"{text!r} is not a size like '12.222 MiB'"
        raise ValueError(msg)
    return round(float(match["number"]) * float(_STEP ** _UNITS.index(match["unit"])))


def parse_duration(text: str) -> timedelta:
    """A Go duration such as ``1h30m`` or ``7.5s`` (Go, ``time.ParseDuration``), without a sign.

    Raises:
        ValueError: when the text is not such a duration, or longer than Go can hold (292 years).
    """
    if text == "0":
        return timedelta()
    seconds, end = 0.0, 0
    while match := _DURATION_PART.match(text, end):
        seconds += float(match["number"]) * _SECONDS[match["unit"]]
        end = match.end()
    if end == 0 or end != len(text):
        msg = f"{text!r} is not a duration like '1h30m'"
        raise ValueError(msg)
    if seconds > _LONGEST_SECONDS:
        msg = f"{text!r} is longer than 292 years"
        raise ValueError(msg)
    return timedelta(seconds=seconds)


def format_duration(value: timedelta) -> str:
    """As Go prints a duration, in milliseconds at the finest: ``1h0m0s``, ``58s``, ``7.534s``."""
    milliseconds = round(value.total_seconds() * 1000)
    seconds, rest = divmod(milliseconds, 1000)
    if seconds == 0 and rest:
        return f"{rest}ms"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{rest:03d}".rstrip("0") if rest else ""
    text = f"{seconds}{fraction}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def quantity(text: str) -> Decimal:
    """The value of a Kubernetes quantity without an exponent: bytes, for a size.

    Raises:
        ValueError: when the text is not such a quantity.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"not a quantity: {text!r}")
    number, suffix = Decimal(match["number"]), match["suffix"]
    if suffix.endswith("i"):
        return number * Decimal(1024) ** _BINARY.index(suffix)
    return number * Decimal(1000) ** (_DECIMAL.index(suffix) - _DECIMAL.index(""))


def canonical_quantity(text: str) -> str:
    """A Kubernetes quantity as the API server stores it: ``0.5`` is ``500m``, ``1024Mi`` ``1Gi``.

    No fraction, and the largest suffix that needs none (Kubernetes, resource.Quantity). A text
    with an exponent or with more than nano precision is returned as it is.
    """
    try:
        value = quantity(text)
    except ValueError:
        return text
    # Below one KiB the API server counts as it does without a suffix.
    if text.endswith("i") and value >= _STEP and value == int(value):
        return _largest(int(value), _STEP, _BINARY)
    nanos = value * 1000**3
    return _largest(int(nanos), 1000, _DECIMAL) if nanos == int(nanos) else text


def _largest(value: int, step: int, suffixes: tuple[str, ...]) -> str:
    if value == 0:
        return "0"
    unit = 0
    while value % step == 0 and unit < len(suffixes) - 1:
        value //= step
        unit += 1
    return f"{value}{suffixes[unit]}"
