"""Strange values, to put in the place of any other."""

from datetime import date
from random import Random

_DEEP = 60
_LONG = 20_000

_TEXTS = (
    "",
    " ",
    "~",
    "null",
    "yes",
    "0x1F",
    "1_000",
    "1e400",
    "NaN",
    "${APP}",
    "{{ .Values.name }}",
    "{{ cluster.id }}",
    "*",
    "**/*.yaml",
    "../../etc",
    "/etc/passwd",
    "a/b",
    "-",
    ".",
    "A" * 64,
    "a" * 254,
    "x" * _LONG,
    "\u202eevil",
    "e\u0301\u00e9",
    "\U0001f4be",
    "\u2028",
    "\x7f",
    "\ufeffx",
    "0s",
    "1h1h",
    "999999999d",
    "-1d",
    "4h",
    "7m",
    "1.5h",
    "100%",
    "101%",
    "1Ti",
    "1e30Gi",
    "H H * * *",
    "* * * * *",
    "*/0 * * * *",
    "0 0 31 2 *",
    "59 23 31 12 7",
    "@every 1s",
    "@daily",
    "TZ=UTC 0 0 * * *",
    "22:00-05:00",
    "24:00-24:00",
    "mon-fri",
    "Europe/Berlin",
    "Europe/../../../etc/passwd",
    "posixrules",
    "2027-02-30",
    "9999-12-31",
    "0000-01-01",
)
_NUMBERS = (0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**40, 0.1, -0.0, 1e308, float("inf"))


def value(random: Random, depth: int = 2) -> object:
    """A scalar, or a small list or map of such."""
    choice = random.randrange(12)
    match choice:
        case 0:
            return None
        case 1:
            return random.random() < 0.5
        case 2 | 3:
            return random.choice(_NUMBERS)
        case 4:
            return date(2027, 1, 31)
        case 5 if depth:
            return [value(random, depth - 1) for _ in range(random.randrange(4))]
        case 6 if depth:
            return {
                str(random.choice(_TEXTS)): value(random, depth - 1)
                for _ in range(random.randrange(4))
            }
        case 7 if random.random() < 0.2:
            return _nested(random)
        case _:
            return random.choice(_TEXTS)


def _nested(random: Random) -> object:
    found: object = "end"
    for _ in range(random.choice((3, _DEEP))):
        found = [found] if random.random() < 0.5 else {"a": found}
    return found


def text(random: Random) -> str:
    """A strange text."""
    return random.choice(_TEXTS)
