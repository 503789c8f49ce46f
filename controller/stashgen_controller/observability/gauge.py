"""A metric whose values depend only on the objects and the time."""

from collections.abc import Iterable
from dataclasses import dataclass

Labels = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Gauge:
    """A metric of a name, with a figure for each combination of its labels' values."""

    name: str
    text: str
    labels: Labels
    samples: tuple[tuple[Labels, float], ...]


def gauge(name: str, text: str, labels: Labels, samples: Iterable[tuple[Labels, float]]) -> Gauge:
    """A metric whose samples are sorted, so that the same objects make the same text."""
    return Gauge(name, text, labels, tuple(sorted(samples)))
