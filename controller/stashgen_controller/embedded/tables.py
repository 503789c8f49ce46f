"""Tables: what ``kubectl get`` prints (Kubernetes API, "Receiving resources as Tables")."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast

from stashgen.api.base import JsonObject, parse_time
from stashgen_controller.embedded.builtins import Served

_NAME = {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0}
_UNITS = (("d", 86400), ("h", 3600), ("m", 60))
# kubectl shows the larger unit alone from ten of the smaller on; two days still show hours.
_TWO = 2


def table(served: Served, items: Sequence[JsonObject], version: str, now: datetime) -> JsonObject:
    """Objects as a Table with the resource's printer columns."""
    columns = [column for column in served.columns if column[0] != "Age"]
    definitions = [
        _NAME,
        *(
            {"name": name, "type": "string", "format": "", "description": "", "priority": 0}
            for name, _, _ in columns
        ),
        {"name": "Age", "type": "string", "format": "", "description": "", "priority": 0},
    ]
    return cast(
        "JsonObject",
        {
            "kind": "Table",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": {"resourceVersion": version},
            "columnDefinitions": definitions,
            "rows": [_row(item, columns, now) for item in items],
        },
    )


def _row(
    item: JsonObject, columns: Sequence[tuple[str, str, str]], now: datetime
) -> dict[str, object]:
    metadata = cast("JsonObject", item["metadata"])
    cells = [metadata["name"]]
    for _, type_, path in columns:
        value = _field(item, path)
        shown = _age(str(value), now) if type_ == "date" and value else value
        cells.append(
            "" if shown is None else str(shown).lower() if shown in (True, False) else shown
        )
    cells.append(_age(str(metadata.get("creationTimestamp")), now))
    partial = {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
    }
    return {"cells": cells, "object": partial}


def _field(item: object, path: str) -> object:
    for step in path.strip(".").split("."):
        item = item.get(step) if isinstance(item, dict) else None
    return item


def _age(text: str, now: datetime) -> str:
    try:
        age = max(now - parse_time(text), timedelta())
    except ValueError:
        return "<unknown>"
    seconds = int(age.total_seconds())
    for unit, size in _UNITS:
        if seconds >= _TWO * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
