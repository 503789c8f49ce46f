"""The Applications of Argo CD, also those that an ApplicationSet makes.

Source: ``argoproj.io/v1alpha1``. The generators ``list`` and ``git.directories`` are followed. What
others fill in stays a template, so a folder or a namespace with one is not known.
"""

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from stashgen.inventory.objects import Object, list_at, map_at, text_at
from stashgen.yaml.nodes import Json

# Both kinds of templates: {{path.basename}} and, with goTemplate, {{ .path.basename }}.
_VARIABLE = re.compile(r"\{\{-?\s*\.?([A-Za-z_][\w.\[\]-]*?)\s*-?\}\}")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9.-]")
_LONGEST_NAME = 253


def applications(item: Object, folders: frozenset[PurePosixPath]) -> Iterator[Object]:
    """The Applications of an object, each with its own ``spec``; none of other kinds.

    Args:
        item: The object.
        folders: The inventory's, which the directories of a generator are matched with.
    """
    if item.group != "argoproj.io":
        return
    if item.kind == "Application":
        yield item
    elif item.kind == "ApplicationSet":
        template = map_at(item.spec, "template", "spec")
        for values in _parameters(item, folders):
            spec = _filled(dict(template), values)
            yield Object({**item.data, "spec": spec}, item.document, item.path)


def sources_of(application: Object) -> Iterator[Mapping[str, Json]]:
    """The sources of an Application that are folders of a Git repository."""
    for source in [application.spec.get("source"), *list_at(application.spec, "sources")]:
        if isinstance(source, dict) and text_at(source, "path") and "chart" not in source:
            yield source


def directories_without_match(item: Object, folders: frozenset[PurePosixPath]) -> Iterator[str]:
    """The directories of an ApplicationSet's generators that the inventory has nothing of."""
    if (item.kind, item.group) == ("ApplicationSet", "argoproj.io"):
        for generator in _generators(item):
            entries = list(_directories(generator))
            for path, is_excluded in entries:
                if not is_excluded and not any(_is_match(path, folder) for folder in folders):
                    yield path


def _parameters(item: Object, folders: frozenset[PurePosixPath]) -> Iterator[Mapping[str, str]]:
    """What each Application of a set is filled with; nothing where that is not known."""
    for generator in _generators(item):
        entries = list(_directories(generator))
        elements = list_at(map_at(generator, "list"), "elements")
        for folder in sorted(folders):
            if _is_chosen(folder, entries):
                yield _of_folder(folder)
        for element in elements:
            if isinstance(element, dict):
                yield {key: value for key, value in element.items() if isinstance(value, str)}
        if not entries and not elements:
            yield {}


def _generators(item: Object) -> Iterator[Mapping[str, Json]]:
    for generator in list_at(item.spec, "generators"):
        if isinstance(generator, dict):
            yield generator


def _directories(generator: Mapping[str, Json]) -> Iterator[tuple[str, bool]]:
    """The patterns of a generator, and whether each one excludes."""
    for entry in list_at(map_at(generator, "git"), "directories"):
        if isinstance(entry, dict) and text_at(entry, "path"):
            yield text_at(entry, "path"), entry.get("exclude") is True


def _is_chosen(folder: PurePosixPath, entries: list[tuple[str, bool]]) -> bool:
    """Whether a pattern matches a folder and none excludes it; hidden ones never are."""
    found = [is_excluded for path, is_excluded in entries if _is_match(path, folder)]
    return found != [] and not any(found) and not any(part[0] == "." for part in folder.parts)


def _is_match(pattern: str, folder: PurePosixPath) -> bool:
    """As Go's ``path.Match``: an asterisk does not reach over a slash."""
    parts = PurePosixPath(pattern).parts
    return len(parts) == len(folder.parts) and all(
        fnmatchcase(part, one) for part, one in zip(folder.parts, parts, strict=True)
    )


def _of_folder(folder: PurePosixPath) -> Mapping[str, str]:
    normalized = _NOT_IN_NAMES.sub("-", folder.name.lower())[:_LONGEST_NAME].strip("-.")
    segments = {f"path[{index}]": part for index, part in enumerate(folder.parts)}
    return {
        "path": str(folder),
        "path.path": str(folder),
        "path.basename": folder.name,
        "path.basenameNormalized": normalized,
        **segments,
    }


def _filled(node: Json, values: Mapping[str, str]) -> Json:
    if isinstance(node, dict):
        return {key: _filled(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value, values) for value in node]
    if isinstance(node, str):
        return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), node)
    return node
