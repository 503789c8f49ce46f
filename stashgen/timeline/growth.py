"""How much the copies take, by storage, and what that costs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from stashgen.timeline.history import Timeline

_GIGABYTE = 10**9
_MONTH_DAYS = 365.25 / 12


@dataclass(frozen=True, slots=True)
class Price:
    """What a storage costs.

    Attributes:
        gigabyte_month: A gigabyte (10^9 bytes) that is there for a month.
        gigabyte_uploaded: A gigabyte that is written.
    """

    gigabyte_month: float
    gigabyte_uploaded: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredCopy:
    """A copy and its volume's size.

    Attributes:
        storage: Its name.
        size_bytes: When the horizon begins: by this its timeline's multiples count.
    """

    storage: str
    timeline: Timeline
    size_bytes: float


@dataclass(frozen=True, slots=True)
class Growth:
    """What is in a storage, in bytes, at the end of a day.

    Attributes:
        first, last, most: Of the first and the last day, and of the day with the most.
        uploaded: In the whole horizon.
        cost: Of the whole horizon; None without a price.
    """

    first: float
    last: float
    most: float
    uploaded: float
    cost: float | None


def growth(
    copies: Iterable[StoredCopy], prices: Mapping[str, Price]
) -> tuple[tuple[str, Growth], ...]:
    """By storage, sorted by name."""
    # Volumes share timelines: each is added up once.
    sizes: dict[str, dict[int, tuple[Timeline, float]]] = {}
    for one in copies:
        of_storage = sizes.setdefault(one.storage, {})
        _, size = of_storage.get(id(one.timeline), (one.timeline, 0.0))
        of_storage[id(one.timeline)] = (one.timeline, size + one.size_bytes)
    return tuple(
        (storage, _of_storage(tuple(found.values()), prices.get(storage)))
        for storage, found in sorted(sizes.items())
    )


def _of_storage(found: tuple[tuple[Timeline, float], ...], price: Price | None) -> Growth:
    days = range(len(found[0][0].days))
    stored = [sum(size * line.days[day].stored for line, size in found) for day in days]
    uploaded = sum(size * sum(day.uploaded for day in line.days) for line, size in found)
    return Growth(stored[0], stored[-1], max(stored), uploaded, _cost(stored, uploaded, price))


def _cost(stored: list[float], uploaded: float, price: Price | None) -> float | None:
    if price is None:
        return None
    months = sum(stored) / _GIGABYTE / _MONTH_DAYS
    return months * price.gigabyte_month + uploaded / _GIGABYTE * price.gigabyte_uploaded
