"""How two output trees differ, object by object, in classes of what changes alike.

The trees are read as text: the emitter writes one value a line in block style, so that a line and
those above it say which field it is, and a file that did not change costs one comparison. Of ten
thousand objects that change alike, one is looked at.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import PurePosixPath

from stashgen.model.manifest import FileTree
from stashgen.plan.plan import FieldChange, ObjectClass
from stashgen.yaml.lines import line_paths, line_value

_KIND = re.compile(r"^kind: (.*)$", re.MULTILINE)
_NAME = re.compile(r"^metadata:\n(?:  .*\n)*?  name: (.*)$", re.MULTILINE)
_WIPES = re.compile(r"^ +deletionPolicy: WipeOut$", re.MULTILINE)
_COMMENTS = re.compile(r"\A(?:#.*\n)+")
# What lists the files of a folder; the objects in them say it all.
_LISTING = "kustomization.yaml"
_MOST_PLACES = 20

_Key = tuple[str, str, str]
_Texts = Mapping[_Key, str]
_Fields = tuple[FieldChange, ...]


@dataclass(frozen=True, slots=True)
class ObjectChanges:
    """How two output trees differ.

    Attributes:
        classes: Objects that are added, removed or changed, by kind; the largest class first.
        wiped: Objects with whose end their data would go (``deletionPolicy: WipeOut``), and that
            end, or that get this policy. A build never writes it.
    """

    classes: tuple[ObjectClass, ...]
    wiped: tuple[str, ...]


def object_changes(before: FileTree, after: FileTree) -> ObjectChanges:
    """Compares the objects of two output trees."""
    old, new = _differing(before, after)
    found = [
        *_whole("removed", [key for key in old if key not in new]),
        *_whole("added", [key for key in new if key not in old]),
        *_changed({key: (text, new[key]) for key, text in old.items() if key in new}),
    ]
    found.sort(key=lambda one: (one.kind, one.change, -one.number, one.sample))
    return ObjectChanges(tuple(found), tuple(_wiped(old, new)))


def _wiped(old: _Texts, new: _Texts) -> Iterator[str]:
    ends = {key for key, text in old.items() if key not in new and _WIPES.search(text)}
    begins = {
        key
        for key, text in new.items()
        if _WIPES.search(text) and not _WIPES.search(old.get(key, ""))
    }
    return (_shown(key) for key in sorted(ends | begins))


def _differing(before: FileTree, after: FileTree) -> tuple[_Texts, _Texts]:
    """The objects of files that differ, without those that are the same on both sides.

    By folder, kind and name: whichever file of the folder an object is in.
    """
    paths = sorted(
        path
        for path in before.keys() | after.keys()
        if path.name != _LISTING and before.get(path) != after.get(path)
    )
    old, new = (dict(_documents(tree, paths)) for tree in (before, after))
    removed = {_key(one, old[one]): one[1] for one in old if one not in new}
    added = {_key(one, new[one]): one[1] for one in new if one not in old}
    return dict(sorted(removed.items())), dict(sorted(added.items()))


def _documents(
    tree: FileTree, paths: Iterable[PurePosixPath]
) -> Iterator[tuple[tuple[str, str], str]]:
    """Each object's folder and text, and where it is."""
    for path in paths:
        content = tree.get(path)
        if content is None:
            continue
        text = content.replace(b"\r\n", b"\n").decode(errors="replace")
        body = _COMMENTS.sub("", text)
        folder = path.parent.as_posix()
        for number, document in enumerate(body.removesuffix("\n").split("\n---\n"), 1):
            yield (folder, document), f"{path.name} {number}"


def _key(one: tuple[str, str], where: str) -> _Key:
    folder, document = one
    kind, name = _KIND.search(document), _NAME.search(document)
    return folder, kind[1] if kind is not None else "", name[1] if name is not None else where


def _whole(change: str, keys: list[_Key]) -> Iterator[ObjectClass]:
    by_kind: dict[str, list[_Key]] = defaultdict(list)
    for key in keys:
        by_kind[key[1]].append(key)
    for kind, found in by_kind.items():
        yield ObjectClass(kind, change, len(found), sample=_shown(found[0]), places=_places(found))


def _changed(pairs: Mapping[_Key, tuple[str, str]]) -> Iterator[ObjectClass]:
    """By fields; where several objects get the same values they are a class of their own."""
    differences = _Differences()
    groups: dict[tuple[str, tuple[str, ...]], dict[_Fields, list[_Key]]] = defaultdict(dict)
    for key, (old, new) in pairs.items():
        fields = differences.of(key[1], old, new)
        paths = tuple(one.path for one in fields)
        groups[key[1], paths].setdefault(fields, []).append(key)
    for (kind, _), by_values in groups.items():
        singles: list[tuple[_Key, _Fields]] = []
        for fields, keys in by_values.items():
            if len(keys) > 1:
                yield _class(kind, keys, fields, is_same=True)
            else:
                singles.append((keys[0], fields))
        if singles:
            keys = [key for key, _ in singles]
            yield _class(kind, keys, singles[0][1], is_same=len(singles) == 1)


def _class(kind: str, keys: list[_Key], fields: _Fields, *, is_same: bool) -> ObjectClass:
    return ObjectClass(kind, "changed", len(keys), fields, is_same, _shown(keys[0]), _places(keys))


def _shown(key: _Key) -> str:
    folder, kind, name = key
    return f"{folder}: {kind} {name}"


def _places(keys: list[_Key]) -> tuple[str, ...]:
    return tuple(_shown(key) for key in keys[:_MOST_PLACES])


class _Differences:
    """The fields in which two texts differ; the same differing lines are looked at once."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, ...], _Fields] = {}

    def of(self, kind: str, before: str, after: str) -> _Fields:
        """By path, in the order of the text."""
        old, new = before.split("\n"), after.split("\n")
        if len(old) == len(new):
            lines = [
                (index, index)
                for index, (one, other) in enumerate(zip(old, new, strict=True))
                if one != other
            ]
            removed, added = [index for index, _ in lines], [index for _, index in lines]
        else:
            removed, added = _edited(old, new)
        key = (
            kind,
            tuple((index, old[index]) for index in removed),
            tuple((index, new[index]) for index in added),
        )
        if key not in self._known:
            self._known[key] = _fields(old, new, removed, added)
        return self._known[key]


def _edited(old: list[str], new: list[str]) -> tuple[list[int], list[int]]:
    """The lines that only one of the two has; what they begin and end with costs nothing."""
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    matcher = SequenceMatcher(
        None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False
    )
    removed: list[int] = []
    added: list[int] = []
    for tag, start, end, other_start, other_end in matcher.get_opcodes():
        if tag != "equal":
            removed += range(head + start, head + end)
            added += range(head + other_start, head + other_end)
    return removed, added


def _fields(old: list[str], new: list[str], removed: list[int], added: list[int]) -> _Fields:
    was, becomes = _values(old, removed), _values(new, added)
    found = []
    for path in dict.fromkeys((*was, *becomes)):
        pairs = _paired(was.get(path, []), becomes.get(path, []))
        found += [FieldChange(path, *pair) for pair in pairs]
    return tuple(dict.fromkeys(found))


def _paired(before: list[str], after: list[str]) -> Iterator[tuple[str, str]]:
    """Each value with the one in its place; empty for none. What only moved is no change."""
    moved = Counter(before) & Counter(after)
    old, new = _without(before, moved), _without(after, moved)
    for flag in [flag for flag in dict.fromkeys(map(_flag, old)) if flag]:
        same = [[value for value in side if _flag(value) == flag] for side in (old, new)]
        for pair in zip(*same, strict=False):
            old.remove(pair[0])
            new.remove(pair[1])
            yield pair
    flags = any(map(_flag, (*old, *new)))
    both = 0 if flags else min(len(old), len(new))
    yield from zip(old[:both], new, strict=False)
    yield from ((value, "") for value in old[both:])
    yield from (("", value) for value in new[both:])


def _without(values: Iterable[str], left_out: Counter[str]) -> list[str]:
    rest = Counter(left_out)
    found = []
    for value in values:
        if rest[value]:
            rest[value] -= 1
        else:
            found.append(value)
    return found


def _flag(value: str) -> str:
    """``--keep-daily`` of ``--keep-daily=30``; empty for anything else."""
    text = value.strip('"')
    return text.partition("=")[0] if text.startswith("--") else ""


def _values(lines: list[str], chosen: list[int]) -> dict[str, list[str]]:
    """The values of some lines by path; a key that only has others below it counts for nothing."""
    paths = line_paths(lines)
    found: dict[str, list[str]] = {}
    for index in chosen:
        value = line_value(lines[index])
        if value:
            found.setdefault(paths[index], []).append(value)
    return found or {paths[index]: [lines[index].strip()] for index in chosen}
