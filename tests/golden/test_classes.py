"""What is filled in for a volume of a class is what the renderer makes of it, byte for byte.

Each volume of all cases and examples stands for a class: the same with other names, directories,
schedules and labels, such as YAML readers take for something else.
"""

import random
import shutil
from collections.abc import Iterator, Mapping, Set
from dataclasses import fields, replace
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import pytest

from stashgen import pipeline
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject, mapping_of
from stashgen.load import load
from stashgen.model.history import Previous
from stashgen.model.resolved import Beside, Protection, Resolved, ResolvedCopy, ResolvedSession
from stashgen.output.tree import read_output
from stashgen.render import classes
from stashgen.render.annotations import without_substitution
from stashgen.render.classes import FEWEST, VolumeRenderer, class_of, values_of, with_values
from stashgen.render.storage import backup_storage
from stashgen.render.volume import Storages, volume_objects
from stashgen.yaml.emitter import emit
from stashgen.yaml.marks import MarkedText, can_vary, fill
from tests.support.place import ROOT

_TODAY = date(2026, 3, 1)
_PROJECTS = sorted(
    path.parent
    for folder in (ROOT / "tests" / "golden" / "cases", ROOT / "examples")
    for path in folder.rglob("stashgen.yaml")
)
_TRICKY = ("1e3", "no", "0x1f", "12", "1.5", "2026-12-01", "null", "12:30", "a.b", "n", "_", "35 *")
_VARIANTS = 4
_MODELS = (Protection, ResolvedSession, ResolvedCopy)
_Part = TypeVar("_Part", Protection, ResolvedSession, ResolvedCopy)


def _resolved(project: Path) -> Resolved | None:
    loaded = load(project)
    if loaded.value is None or not loaded.ok:
        return None
    name = mapping_of(loaded.value.project.data, "metadata")["name"]
    output = read_output(project / "rendered", str(name))
    before = [Previous(PurePosixPath("rendered"), output.generated)]
    decided = pipeline.decisions(loaded.value, before, _TODAY)
    return decided.value.resolved if decided.value is not None else None


def _storages(resolved: Resolved) -> Storages:
    made = {
        one.key: BackupStorage.model_validate(backup_storage(one))
        for protection in resolved.protections
        for session in protection.sessions
        for one in (copy.storage for copy in session.copies)
    }
    return lambda copy: made[copy.storage.key]


def _rendered(protection: Protection, storages: Storages) -> tuple[JsonObject, ...]:
    return tuple(map(without_substitution, volume_objects(protection, storages)))


def _variants(protection: Protection, source: random.Random) -> Iterator[Protection]:
    """The same volume with other values, different ones where they differ."""
    for _ in range(_VARIANTS):
        known: dict[str, str] = {}
        for value in values_of(protection):
            while value not in known:
                length = source.randint(1, 22)
                name = "".join(source.choices("abcxyz0189", k=length))
                other = source.choice([*_TRICKY, name, name, name])
                if other not in known.values():
                    known[value] = other
        yield with_values(protection, [known[value] for value in values_of(protection)])


@pytest.mark.parametrize("project", _PROJECTS, ids=lambda path: path.parent.name + path.name)
def test_a_class_has_the_bytes_of_each_of_its_volumes(project: Path, tmp_path: Path) -> None:
    copy = tmp_path / "project"
    shutil.copytree(project, copy, symlinks=True)
    resolved = _resolved(copy)
    if resolved is None:
        # Nothing is rendered of a project with errors.
        return
    storages = _storages(resolved)
    source = random.Random(project.name)
    for protection in resolved.protections:
        renderer = VolumeRenderer([protection] * FEWEST, storages)
        for one in (protection, *_variants(protection, source)):
            made = renderer.render(one)
            values = values_of(one)
            assert made.values == (values if all(map(can_vary, values)) else ())
            expected = _rendered(one, storages)
            assert fill(made.objects, made.values) == expected
            texts = [MarkedText(item).fill(made.values) for item in made.objects]
            assert texts == [emit(item) for item in expected]


@pytest.fixture(scope="module")
def company() -> Resolved:
    """The example with the most settings."""
    resolved = _resolved(ROOT / "examples" / "company")
    assert resolved is not None
    return resolved


class _Unseen:
    """Whatever is asked of it fails."""

    def __getattribute__(self, name: str) -> object:
        raise AssertionError(name)


def _with(part: _Part, values: Mapping[str, object]) -> _Part:
    """A part with the values that it has a field for."""
    given: Any = values
    return replace(part, **{one.name: given[one.name] for one in fields(part) if one.name in given})


def _everywhere(
    protection: Protection, models: Set[type[object]], values: Mapping[str, object]
) -> Protection:
    """A protection with other values in itself, its sessions and their copies."""
    of = {model: values if model in models else {} for model in _MODELS}
    sessions = tuple(
        _with(
            replace(
                session, copies=tuple(_with(copy, of[ResolvedCopy]) for copy in session.copies)
            ),
            of[ResolvedSession],
        )
        for session in protection.sessions
    )
    return _with(replace(protection, sessions=sessions), of[Protection])


def test_where_something_is_written_is_not_rendered(company: Resolved) -> None:
    storages = _storages(company)
    for protection in company.protections:
        unseen = dict.fromkeys(classes.UNSEEN, _Unseen())
        blind = _everywhere(protection, {*_MODELS}, unseen)
        assert _rendered(blind, storages) == _rendered(protection, storages)


_FIXED = [
    (model, one.name)
    for model in _MODELS
    for one in fields(model)
    if one.name not in classes.VARYING | classes.UNSEEN | {"sessions", "copies"}
]


@pytest.mark.parametrize(
    ("model", "name"), _FIXED, ids=[f"{model.__name__} {name}" for model, name in _FIXED]
)
def test_whatever_else_differs_is_another_class(
    model: type[object], name: str, company: Resolved
) -> None:
    other = {
        "beside": Beside({"another": "label"}, is_there=True),
        "acknowledged": {"another": "annotation"},
    }.get(name, "other")
    for protection in company.protections:
        different = _everywhere(protection, {model}, {name: other})
        assert _class(different) != _class(protection)


def _class(protection: Protection) -> object:
    return class_of(protection, values_of(protection))


def test_another_namespace_and_equal_values_are_another_class(company: Resolved) -> None:
    protection = company.protections[0]
    volume = protection.volume
    moved = replace(protection, volume=replace(volume, key=replace(volume.key, namespace="other")))
    values = values_of(protection)
    same = with_values(protection, [values[0]] * len(values))
    assert len({_class(one) for one in (protection, moved, same)}) == 3
