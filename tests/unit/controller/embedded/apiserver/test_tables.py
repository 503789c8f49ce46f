"""What ``kubectl get`` prints."""

from datetime import UTC, datetime

import pytest
from pydantic import JsonValue

from stashgen.api.base import JsonObject
from stashgen.api.resources import JOBS, REPOSITORIES, Resource
from stashgen_controller.embedded.apiserver.builtins import BUILTINS, Served
from stashgen_controller.embedded.apiserver.schema import Schema
from stashgen_controller.embedded.apiserver.tables import table

_NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_METADATA: JsonObject = {"name": "one", "creationTimestamp": "2026-03-01T11:58:00Z"}


def _cells(served: Served, obj: JsonObject) -> dict[str, JsonValue]:
    shown = table(served, [obj], {"resourceVersion": "1"}, _NOW)
    definitions, rows = shown["columnDefinitions"], shown["rows"]
    assert isinstance(definitions, list)
    assert isinstance(rows, list)
    names = [str(item["name"]) for item in definitions if isinstance(item, dict)]
    row = rows[0]
    assert isinstance(row, dict)
    cells = row["cells"]
    assert isinstance(cells, list)
    return dict(zip(names, cells, strict=True))


def _builtin(resource: Resource) -> Served:
    return next(item for item in BUILTINS if item.resource == resource)


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ({}, ("Running", "0/1", "")),
        ({"startTime": "2026-03-01T11:59:00Z"}, ("Running", "0/1", "60s")),
        (
            {
                "startTime": "2026-03-01T11:58:00Z",
                "completionTime": "2026-03-01T11:58:30Z",
                "succeeded": 1,
                "conditions": [{"type": "Complete", "status": "True"}],
            },
            ("Complete", "1/1", "30s"),
        ),
        ({"conditions": [{"type": "Failed", "status": "True"}]}, ("Failed", "0/1", "")),
    ],
)
def test_job_shows_how_far_it_is(status: JsonObject, shown: tuple[str, str, str]) -> None:
    cells = _cells(_builtin(JOBS), {"metadata": _METADATA, "spec": {}, "status": status})
    assert (cells["Status"], cells["Completions"], cells["Duration"]) == shown
    assert cells["Age"] == "2m"


def test_custom_kind_shows_the_columns_of_its_crd() -> None:
    served = Served(
        REPOSITORIES,
        columns=(
            ("Integrity", "boolean", ".status.integrity"),
            ("Count", "integer", ".status.count"),
            ("Last", "date", ".status.last"),
            ("Age", "date", ".metadata.creationTimestamp"),
        ),
        schema=Schema({"type": "object"}),
    )
    obj: JsonObject = {"metadata": _METADATA, "status": {"integrity": True, "count": 3}}
    assert _cells(served, obj) == {
        "Name": "one",
        "Integrity": "true",
        "Count": 3,
        "Last": None,
        "Age": "2m",
    }


@pytest.mark.parametrize("served", BUILTINS, ids=lambda item: item.resource.plural)
def test_every_builtin_kind_shows_an_empty_object(served: Served) -> None:
    assert _cells(served, {"metadata": _METADATA})
