"""Independent digits of one hash: what spreads jobs over time."""

import hashlib


class Digits:
    """One number is drawn from a seed; each use takes a digit of it (mixed radix)."""

    def __init__(self, seed: str) -> None:
        self._rest = int.from_bytes(hashlib.sha256(seed.encode()).digest())

    def next(self, base: int) -> int:
        """A number from 0 to ``base - 1``."""
        self._rest, digit = divmod(self._rest, base)
        return digit
