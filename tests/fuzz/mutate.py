"""Change a file of YAML: its values, its text, or its bytes."""

import copy
from collections.abc import Callable
from random import Random

import yaml

from tests.fuzz.values import text, value

_Place = tuple[object, object]  # a list or map, and an index or key of it
_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [*{old}, *{old}, *{old}, *{old}, *{old}, *{old}, *{old}, *{old}]\n"
    for old, new in zip("abcdefg", "bcdefgh", strict=True)
)


def mutated(content: bytes, random: Random) -> bytes:
    """The content after one to four changes."""
    for _ in range(random.randint(1, 4)):
        change = random.choices((_values, _lines, _bytes), (6, 3, 1))[0]
        content = change(content, random)
    return content


def _values(content: bytes, random: Random) -> bytes:
    """Change the tree; what is no YAML is changed as text."""
    try:
        documents = [*yaml.safe_load_all(content)]
        places = [place for one in documents for place in _places(one)]
    except (yaml.YAMLError, ValueError, RecursionError):
        return _lines(content, random)
    if not places:
        return _lines(content, random)
    for _ in range(random.randint(1, 3)):
        random.choice(_CHANGES)(random.choice(places), places, random)
    try:
        dumped = yaml.safe_dump_all(documents, allow_unicode=True, sort_keys=False)
        return dumped.encode("utf-8", "surrogatepass")
    except (yaml.YAMLError, ValueError, RecursionError):
        return _lines(content, random)


def _places(node: object) -> list[_Place]:
    """Each part once: what aliases repeat would be a tree of any size, or without an end."""
    found: list[_Place] = []
    seen: set[int] = set()
    waiting: list[object] = [node]
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, dict):
            found += [(one, key) for key in one]
            waiting += one.values()
        elif isinstance(one, list):
            found += [(one, index) for index in range(len(one))]
            waiting += one
    return found


def _get(place: _Place) -> object:
    node, key = place
    if isinstance(node, dict):
        return node.get(key)
    if isinstance(node, list) and isinstance(key, int) and key < len(node):
        return node[key]
    return None


def _set(place: _Place, new: object) -> None:
    match place:
        case (dict() as node, key):
            node[key] = new
        case (list() as items, int(index)) if index < len(items):
            items[index] = new


def _replace(place: _Place, _: list[_Place], random: Random) -> None:
    _set(place, value(random))


def _remove(place: _Place, _: list[_Place], __: Random) -> None:
    node, key = place
    if isinstance(node, dict):
        node.pop(key, None)
    elif isinstance(node, list) and isinstance(key, int) and key < len(node):
        node.pop(key)


def _rename(place: _Place, _: list[_Place], random: Random) -> None:
    node, key = place
    if isinstance(node, dict) and key in node:
        name = str(key)
        new = random.choice((name[:-1], name + "s", name.upper(), text(random), 3))
        node[new] = node.pop(key)


def _add(place: _Place, _: list[_Place], random: Random) -> None:
    inner = _get(place)
    if isinstance(inner, dict):
        inner[text(random)] = value(random)
    elif isinstance(inner, list):
        inner.append(value(random))


def _copy(place: _Place, places: list[_Place], random: Random) -> None:
    """A part of another place; as an alias where it stays the same object."""
    other = _get(random.choice(places))
    _set(place, other if isinstance(other, str | int) else copy.deepcopy(other))


def _repeat(place: _Place, _: list[_Place], random: Random) -> None:
    """A list with equal items; PyYAML writes them as aliases."""
    inner = _get(place)
    if isinstance(inner, list) and inner and len(inner) < 1000:
        inner += [random.choice(inner)] * random.randint(1, 3)


_CHANGES: tuple[Callable[[_Place, list[_Place], Random], None], ...] = (
    _replace,
    _replace,
    _replace,
    _remove,
    _rename,
    _add,
    _copy,
    _repeat,
)


def _lines(content: bytes, random: Random) -> bytes:
    """Change the text, as an editor or a merge does."""
    lines = content.split(b"\n")
    at = random.randrange(len(lines))
    line = lines[at]
    match random.randrange(9):
        case 0:  # a duplicated key
            lines.insert(at, line)
        case 1:
            del lines[at]
        case 2:
            lines[at] = b" " * random.randint(1, 3) + line
        case 3:
            lines[at] = b"\t" + line.lstrip()
        case 4:
            head, colon, tail = line.partition(b": ")
            mark = random.choice((b"&a ", b"*a ", b"!!binary ", b"!!set ", b"!x ", b"<<: ", b"| "))
            lines[at] = head + colon + mark + tail
        case 5:
            lines[at:at] = [b"<<<<<<< HEAD", b"=======", b">>>>>>> other"]
        case 6:
            lines.insert(at, random.choice((b"---", b"...", b"%YAML 1.1", b"# c", b"- x", b"? k")))
        case 7:
            lines[at] = line.replace(b": ", b": " + text(random).encode(), 1)
        case _:
            lines += _BOMB.encode().split(b"\n") if random.random() < 0.3 else [b"a: &a [*a]"]
    return b"\n".join(lines)


def _bytes(content: bytes, random: Random) -> bytes:
    at = random.randrange(len(content) + 1)
    match random.randrange(8):
        case 0:
            return content[:at]
        case 1:
            return content.replace(b"\n", b"\r\n")
        case 2:
            return b"\xef\xbb\xbf" + content
        case 3:
            return content.decode("utf-8", "replace").encode("utf-16")
        case 4:
            return content[:at] + random.choice((b"\x00", b"\xff", b"\xed\xa0\x80")) + content[at:]
        case 5:
            return content[:at] + random.randbytes(4) + content[at:]
        case 6:
            return content.replace(b"\n", b"\r")
        case _:
            deep = random.choice((30, 300, 3000))
            return content[:at] + b"[" * deep + b"]" * random.choice((0, deep)) + content[at:]
