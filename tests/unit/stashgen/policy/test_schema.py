"""The schemas for editors agree with what is read, and say what the fields mean."""

from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from stashgen.cli.parsers import KINDS as OFFERED
from stashgen.policy.schema import KINDS, schema_of_all, schema_of_kind
from tests.support.place import ROOT
from tests.support.project import BUCKET, GUARDRAIL, POLICY, PROJECT, STORAGE

_TEXTS = {"Project": PROJECT, "Storage": STORAGE, "BackupPolicy": POLICY, "Guardrail": GUARDRAIL}
_ALL = jsonschema_rs.validator_for(schema_of_all())


def _set(data: Any, path: tuple[str | int, ...], value: object) -> Any:
    node = data
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return data


def test_the_command_line_offers_all_kinds() -> None:
    assert list(KINDS) == [*OFFERED]


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_field_is_refused_at_the_top(kind: str) -> None:
    data = yaml.safe_load(_TEXTS[kind])
    for validator in (_ALL, jsonschema_rs.validator_for(schema_of_kind(kind))):
        assert validator.is_valid(data)
        assert not validator.is_valid(_set(data | {}, ("spek",), {}))


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        (PROJECT, ("spec", "clusters", 0, "timezone"), "Etc/UTC"),
        (PROJECT, ("spec", "clusters"), None),
        (PROJECT, ("apiVersion",), "stashgen.dev/v1"),
        (STORAGE, ("spec", "backend", "provider"), "tape"),
        (BUCKET, ("spec", "backend", "s3", "insecureTLS"), "no"),
        (POLICY, ("spec", "sessions", 0, "copies", 0, "keep", "last"), "2"),
        (POLICY, ("metadata", "labels"), {}),
    ],
)
def test_what_check_refuses_by_its_shape_the_schema_refuses(
    text: str, path: tuple[str | int, ...], value: object
) -> None:
    data = yaml.safe_load(text)
    assert _ALL.is_valid(data)
    assert not _ALL.is_valid(_set(data, path, value))


def test_null_means_an_absent_field() -> None:
    data = _set(yaml.safe_load(PROJECT), ("spec", "requires"), None)
    assert _ALL.is_valid(_set(data, ("spec", "defaults", "job"), None))


def test_another_kind_beside_ours_is_left_alone() -> None:
    assert _ALL.is_valid(
        {"apiVersion": "storage.kubestash.com/v1alpha1", "kind": "RetentionPolicy"}
    )
    assert not _ALL.is_valid({"kind": "Project"})


def _documents() -> list[Path]:
    roots = [*(ROOT / "examples").iterdir()]
    found = [path for root in roots for path in (root / "policies").rglob("*.yaml")]
    return [
        *found,
        *(root / "stashgen.yaml" for root in roots),
        *(ROOT / "policies").rglob("*.yaml"),
    ]


@pytest.mark.parametrize("path", _documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_are_valid(path: Path) -> None:
    for data in yaml.safe_load_all(path.read_text(encoding="utf-8")):
        _ALL.validate(data)


def test_fields_are_described_by_the_words_of_the_models() -> None:
    definitions: Any = schema_of_kind("Project")["$defs"]
    labels = definitions["Cluster"]["properties"]["labels"]
    assert labels["description"] == "What selectors of clusters match."
    assert "Attributes:" not in str(schema_of_all())
