"""The table of prices of ``stashgen report retention --prices``.

currency: EUR
storages:
  s3-eu: {gigabyteMonth: 0.02, gigabyteUploaded: 0.001}
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stashgen.diagnostics import Position, ToolError, UsageError, quote
from stashgen.timeline.growth import Price
from stashgen.yaml.documents import Document, read_documents
from stashgen.yaml.nodes import Json

_MONTH, _UPLOADED = "gigabyteMonth", "gigabyteUploaded"
_NUMBER = re.compile(r"[0-9.]+(?:[eE][+-]?[0-9]+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Prices:
    """What storages cost, by name."""

    currency: str
    storages: Mapping[str, Price]


def read_prices(path: Path) -> Prices:
    """Read the file.

    Raises:
        UsageError: it is no table of prices; the message says where.
        ToolError: it cannot be read.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ToolError(f"{path}: {error.strerror or error}") from None
    read = read_documents(text, PurePosixPath(path.as_posix()))
    for finding in read.findings:
        raise UsageError(f"{finding.position}: {finding.what}; {finding.fix}")
    if len(read.value) != 1:
        raise UsageError(f"{path}: it must be one document with storages and their prices")
    return _prices(read.value[0])


def _prices(document: Document) -> Prices:
    _only(document, document.data, (), ("currency", "storages"))
    currency, storages = document.data.get("currency", ""), document.data.get("storages")
    if not isinstance(currency, str):
        raise _wrong(document.position("currency"), "currency is not a string, such as EUR")
    if not isinstance(storages, dict):
        raise _wrong(document.position("storages"), "storages is not a map of storages by name")
    return Prices(
        currency,
        {name: _price(document, name, value) for name, value in storages.items()},
    )


def _price(document: Document, name: str, value: Json) -> Price:
    keys = ("storages", name)
    if not isinstance(value, dict) or _MONTH not in value:
        raise _wrong(document.position(*keys), f"{quote(name)} has no {_MONTH}")
    _only(document, value, keys, (_MONTH, _UPLOADED))
    amounts = {field: _amount(amount) for field, amount in value.items()}
    for field, amount in amounts.items():
        if amount is None:
            what = f"{field} is not a number from 0 on, such as 0.02"
            raise _wrong(document.position(*keys, field), what)
    return Price(amounts[_MONTH] or 0.0, amounts.get(_UPLOADED) or 0.0)


def _amount(value: Json) -> float | None:
    """A number; in quotes, too, because YAML readers do not agree on 1e-3 without them."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = float(value if _NUMBER.fullmatch(str(value)) else math.nan)
    except (ValueError, OverflowError):
        return None
    return amount if 0 <= amount < math.inf else None


def _only(
    document: Document, node: Mapping[str, Json], keys: tuple[str, ...], known: tuple[str, ...]
) -> None:
    for field in node:
        if field not in known:
            position = document.key_position(*keys, field)
            raise _wrong(position, f"{quote(field)} is no field; there are {', '.join(known)}")


def _wrong(position: Position, what: str) -> UsageError:
    return UsageError(f"{position}: {what}")
