"""docs/policies.md lists every field that people can write, and no other."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args, get_origin

import pytest

from stashgen.api.base import Model
from stashgen.policy.backup_policy import BackupPolicySpec, Session, Settings
from stashgen.policy.guardrail import GuardrailSpec
from stashgen.policy.project import Cluster, InventorySource, ProjectSpec
from stashgen.policy.selectors import Match, Select, Selector, VolumeSelector, WorkloadSelector
from stashgen.policy.shared import Job, Keep, SecretReference, Upkeep
from stashgen.policy.storage import Credentials, StorageSpec

_PAGE = (Path(__file__).parents[2] / "docs" / "policies.md").read_text(encoding="utf-8")
_TABLES: dict[str, type[Model]] = {
    "Project": ProjectSpec,
    "Clusters": Cluster,
    "Inventories": InventorySource,
    "Storage": StorageSpec,
    "BackupPolicy": BackupPolicySpec,
    "Guardrail": GuardrailSpec,
    "Sessions": Session,
    "Retention": Keep,
    "Pods": Job,
    "Upkeep": Upkeep,
    "Secrets": Credentials,
}
_SELECTORS = (Select, Selector, WorkloadSelector, VolumeSelector)
# Described in text of their own, or the fields of a policy again.
_ELSEWHERE: tuple[type[Model], ...] = (Match, Selector, Settings, SecretReference)


@pytest.mark.parametrize("heading", _TABLES)
def test_the_page_lists_every_field(heading: str) -> None:
    section = _PAGE.split(f"\n### {heading}\n")[1].split("\n#")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    listed = [field for row in rows for field in re.findall(r"`([^`]+)`", row.split(" | ")[0])]
    assert sorted(listed) == sorted(_fields(_TABLES[heading]))


def test_the_page_describes_every_selector() -> None:
    section = _PAGE.split("\n## Which policy protects a volume\n")[1].split("\n## ")[0]
    words = set(re.findall(r"[A-Za-z]+", " ".join(re.findall(r"`[^`]+`", section))))
    fields = {field for model in _SELECTORS for field in _fields(model)}
    assert {re.sub(r"^.*\.", "", field) for field in fields} <= words


def _fields(model: type[Model], prefix: str = "") -> Iterator[str]:
    """The paths of a model's fields, down to what has a table of its own."""
    for name, field in model.model_fields.items():
        path = prefix + (field.alias or name)
        inner = list(_models(field.annotation, path))
        if not inner:
            yield path
        for below, one in inner:
            yield from _fields(one, f"{below}.")


def _models(annotation: object, path: str) -> Iterator[tuple[str, type[Model]]]:
    """The models of ours in a field's type, each with where it is."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        known: tuple[type[Model], ...] = (*_TABLES.values(), *_ELSEWHERE)
        if annotation.__module__.startswith("stashgen.policy.") and not issubclass(
            annotation, known
        ):
            yield path, annotation
        return
    origin = get_origin(annotation)
    below = path + ("[]" if origin is tuple else ".*" if origin is dict else "")
    for one in get_args(annotation):
        yield from _models(one, below)
