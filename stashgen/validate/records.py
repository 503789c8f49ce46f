"""Rules for recorded inventories: where the record is, and what it is made from."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from stashgen.diagnostics import Finding, quote
from stashgen.policy.project import DEFAULT_OUTPUT
from stashgen.validate.values import Problem
from stashgen.validate.walk import Code, Keys, each, error, texts, value_at
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_SOURCES = "spec.clusters[*].inventory[*]"
_SUFFIXES = (".yaml", ".yml")


def source_path(value: Json) -> Problem | None:
    """A file or folder of the project that is rendered."""
    if not isinstance(value, str) or _is_inside(value):
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not a path inside the project",
        "a record must not depend on the machine that made it",
        'use a path relative to the folder of stashgen.yaml, such as "clusters/prod"',
    )


def record_path(value: Json) -> Problem | None:
    """The file of a record."""
    if not isinstance(value, str) or (_is_inside(value) and value.endswith(_SUFFIXES)):
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not a YAML file inside the project",
        "stashgen inventory writes one file of manifests there, to be committed",
        'use a relative path such as "inventory/prod.yaml"',
    )


def record_findings(document: Document) -> Iterator[Finding]:
    """What each inventory's fields say together, and two records in one place."""
    places: dict[PurePosixPath, Keys] = {}
    for keys, source in each(document, _SOURCES):
        if not isinstance(source, dict):
            continue
        other, is_recorded = ("exclude", True) if "recorded" in source else ("from", False)
        if other in source:
            yield _without_effect(document, (*keys, other), is_recorded=is_recorded)
    for keys, path in texts(document, f"{_SOURCES}.recorded"):
        place = PurePosixPath(path)
        first = places.setdefault(place, keys)
        if first != keys:
            yield error(
                Code.LISTED_TWICE,
                document,
                keys,
                what=f"{quote(path)} is already the record of another inventory",
                why="each record would replace the other",
                fix="give each its own file; a record may have several sources",
                related=(document.position(*first),),
            )
        if _output(document) in place.parents:
            yield error(
                Code.NOT_ALLOWED,
                document,
                keys,
                what=f"{quote(path)} is in the output folder",
                why="nothing in the output folder is read as an inventory",
                fix='use another folder, such as "inventory"',
            )


def _without_effect(document: Document, keys: Keys, *, is_recorded: bool) -> Finding:
    field = "exclude" if is_recorded else "from"
    why = "exclude leaves out manifest files" if is_recorded else "it says what is recorded"
    fix = "remove it" if is_recorded else "add recorded, or remove it"
    return error(
        Code.NOT_ALLOWED,
        document,
        keys,
        at_key=True,
        what=f"{quote(field)} has no effect {'on a record' if is_recorded else 'here'}",
        why=why,
        fix=fix,
    )


def _output(document: Document) -> PurePosixPath:
    written = value_at(document, "spec.output")
    return PurePosixPath(written if isinstance(written, str) else DEFAULT_OUTPUT)


def _is_inside(value: str) -> bool:
    is_relative = not value.startswith(("/", "-")) and "\\" not in value and "\0" not in value
    return bool(value) and is_relative and ".." not in value.split("/")
