"""Read the bytes of a YAML or JSON file into documents whose every value has a position.

No content makes this raise: an error becomes a finding (``SG1xx``), its document is left out, and
reading continues at the next ``---``.
"""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from ruamel.yaml.error import YAMLError

from stashgen.diagnostics import Finding, Outcome, Position, Severity
from stashgen.yaml.nodes import KEY_SHIFT, Json, Map, Seq, format_path, unpack
from stashgen.yaml.reader import DEEPEST, Code, Made, Reader, UnreadableError
from stashgen.yaml.scalars import read_as_kubectl, read_strictly

LARGEST_FILE_BYTES = 64 * 1024 * 1024
MOST_FINDINGS = 100
# Each restart after an unreadable document copies the rest of the text.
_MOST_RESTARTS = 20

_BOM = b"\xef\xbb\xbf"
_CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")
# Line breaks that no editor shows, and a byte order mark inside a file: allowed by YAML.
_CONTROL_OR_INVISIBLE = re.compile(_CONTROL.pattern[:-1] + "\x85\u2028\u2029\ufeff]")
_NEXT_DOCUMENT = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)

# libyaml's message -> the fix; the first key that its message contains applies.
_HINTS = {
    "mapping values are not allowed": "quote a string that contains a colon and a space, or check "
    "the indentation of this line and the one before",
    "did not find expected key": "check the indentation; text after a closing quote or bracket "
    "must be inside the quotes",
    "did not find expected '-' indicator": "indent this line under the list, or make it an item",
    "unexpected end of stream": "close the quote",
    "unexpected document indicator": "close the quote before the next document",
    "expected ',' or": "close the bracket",
    "expected node content": "close the bracket",
    "unknown escape character": "write a backslash twice, or use single quotes",
    "could not find expected ':'": "write a colon and a space after the key, or indent the line",
    "cannot start any token": "quote strings that start with this character",
    "<document start>": 'separate documents with a line "---"',
    "incompatible YAML document": "remove the %YAML line",
}


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One object of a file, as plain data.

    Attributes:
        data: The mapping; the maps and lists inside carry positions and are shared where the file
            uses aliases, so they must not be modified.
        path: The file, as the caller named it.
        index: Which document of the file this is, from 0, empty ones included.
        first_line: Must be added to the lines in ``data``.
        start: The position of the document's first key.
    """

    data: dict[str, Json]
    path: PurePosixPath
    index: int
    first_line: int
    start: Position

    def position(self, *keys: str | int) -> Position:
        """Where the value at this path is written, or of its longest prefix that exists."""
        mark, _ = self._last_mark(keys)
        return self._at(mark)

    def key_position(self, *keys: str | int) -> Position:
        """Where the key at this path is written: for a field that is unknown or misplaced.

        An item of a list has no key: its own position is returned.
        """
        mark, has_key = self._last_mark(keys)
        return self._at(mark >> KEY_SHIFT if has_key and mark is not None else mark)

    def subject(self, *keys: str | int) -> str:
        """The object and the field as findings name them: ``Kind/name spec.sessions[0].name``."""
        return _subject(self.data, format_path(keys))

    def _last_mark(self, keys: tuple[str | int, ...]) -> tuple[int | None, bool]:
        mark: int | None = None
        has_key = False
        node: Json = self.data
        for key in keys:
            if isinstance(node, Map) and isinstance(key, str) and key in node.marks:
                mark, has_key, node = node.marks[key], True, node[key]
            elif isinstance(node, Seq) and isinstance(key, int) and 0 <= key < len(node):
                mark, has_key, node = node.marks[key], False, node[key]
            else:
                break
        return mark, has_key

    def _at(self, mark: int | None) -> Position:
        if mark is None:
            return self.start
        line, column = unpack(mark)
        return Position(self.path, self.first_line + line + 1, column + 1)


def read_documents(
    text: bytes, path: PurePosixPath, *, dirty: bool = False
) -> Outcome[tuple[Document, ...]]:
    """The readable documents of a file, and findings about the others.

    Args:
        text: The file's content: UTF-8, with or without a byte order mark, at most 64 MB.
        path: The file's name in positions; relative to the project, so that output is stable.
        dirty: Read whatever kubectl would read (inventories: third-party files) instead of only
            what all readers agree on (policies). JSON is then read without positions, 16 times
            faster.
    """
    refusal = _refuse_bytes(text, path)
    if refusal is not None:
        return Outcome((), (refusal,))
    string = text.removeprefix(_BOM).decode()
    refusal = _refuse_characters(string, path, dirty=dirty)
    if refusal is not None:
        return Outcome((), (refusal,))
    if dirty and string.lstrip()[:1] in {"{", "["} and (data := _read_json(string)) is not None:
        return Outcome((Document(data, path, 0, 0, Position(path)),))

    documents: list[Document] = []
    findings: list[Finding] = []
    stream = _read_all(string, path, dirty=dirty)
    for index, (made, first_line) in enumerate(stream):
        start = Position(path, made.line + 1, made.column + 1)
        findings += made.findings
        if len(findings) > MOST_FINDINGS:
            return Outcome(tuple(documents), (*findings[:MOST_FINDINGS], _too_many(start)))
        if made.findings or made.value is None:
            continue
        if isinstance(made.value, Map):
            documents.append(Document(made.value, path, index, first_line, start))
        else:
            findings.append(_not_a_map(start))
    return Outcome(tuple(documents), tuple(findings))


def _read_all(string: str, path: PurePosixPath, *, dirty: bool) -> Iterator[tuple[Made, int]]:
    """Every document with the number of lines before its text; the value is None if unreadable."""
    resolve = read_as_kubectl if dirty else read_strictly
    start, first_line = 0, 0
    for restarts in range(_MOST_RESTARTS + 1):
        reader = Reader(string[start:] if start else string, path, first_line, resolve)
        try:
            for made in reader.documents():
                yield _named(made), first_line
        except UnreadableError as error:
            finding, index = error.finding, error.index
        except YAMLError as error:
            finding, index = _syntax_finding(error, reader, string[start:])
        else:
            return
        position = finding.position
        findings = (*reader.findings, finding)
        unread = Made(reader.root, position.line - 1, position.column - 1, findings)
        marker = _NEXT_DOCUMENT.search(string, max(start + index, start + 1))
        if marker is not None and restarts == _MOST_RESTARTS:
            unread = replace(unread, findings=(*findings, _too_many(position)))
        yield _named(unread), first_line
        if marker is None:
            return
        first_line += string.count("\n", start, marker.start())
        start = marker.start()


def _named(made: Made) -> Made:
    """Add the object's kind and name to its findings, and remove a Secret's values from them."""
    if not made.findings:
        return made
    kind = made.value.get("kind") if isinstance(made.value, dict) else None
    # An object whose kind could not be read may be a Secret.
    hides_values = not isinstance(kind, str) or kind == "Secret"
    findings = []
    for finding in made.findings:
        subject = _subject(made.value, finding.subject)
        if hides_values and finding.code == Code.AMBIGUOUS:
            findings.append(
                replace(
                    finding,
                    subject=subject,
                    what="an unquoted value does not mean the same to every YAML reader",
                    fix="put it in quotes",
                )
            )
        else:
            findings.append(replace(finding, subject=subject))
    return replace(made, findings=tuple(findings))


def _subject(data: Json, field: str) -> str:
    if not isinstance(data, dict):
        return field
    metadata = data.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    parts = (str(part) for part in (data.get("kind"), name) if isinstance(part, str) and part)
    return f"{'/'.join(parts)} {field}".strip()


def _refuse_bytes(text: bytes, path: PurePosixPath) -> Finding | None:
    if len(text) > LARGEST_FILE_BYTES:
        return _whole_file(
            Code.TOO_LARGE,
            Position(path),
            f"the file is larger than {LARGEST_FILE_BYTES // 1024**2} MiB",
            "larger files are not read, to limit memory use",
            "split the file, or exclude it from the input",
        )
    text = text.removeprefix(_BOM)
    try:
        text.decode()
    except UnicodeDecodeError as error:
        line_start = text.rfind(b"\n", 0, error.start) + 1
        line = text.count(b"\n", 0, line_start) + 1
        column = len(text[line_start : error.start].decode()) + 1
        return _whole_file(
            Code.NOT_UTF8,
            Position(path, line, column),
            f"byte 0x{text[error.start]:02x} is not UTF-8",
            "Kubernetes manifests are UTF-8; another encoding would silently change names",
            "save the file as UTF-8",
        )
    return None


def _refuse_characters(string: str, path: PurePosixPath, *, dirty: bool) -> Finding | None:
    match = (_CONTROL if dirty else _CONTROL_OR_INVISIBLE).search(string)
    if match is None:
        return None
    line_start = string.rfind("\n", 0, match.start()) + 1
    return _whole_file(
        Code.CONTROL_CHARACTER,
        Position(path, string.count("\n", 0, line_start) + 1, match.start() - line_start + 1),
        f"character U+{ord(match[0]):04X} is not allowed unescaped",
        "YAML forbids it, or readers treat it as a line break that no editor shows",
        f'remove it, or write it as "\\u{ord(match[0]):04x}" in double quotes',
    )


def _syntax_finding(error: YAMLError, reader: Reader, text: str) -> tuple[Finding, int]:
    """An error of libyaml as a finding with a fix, and the index of its character."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    context = getattr(error, "context", None)
    line, column, index = (mark.line, mark.column, mark.index) if mark else (0, 0, 0)
    opened = getattr(error, "context_mark", None)
    related = ((opened.line, opened.column),) if opened and opened.line != line else ()
    line_start = text.rfind("\n", 0, index) + 1
    written = text[line_start:].split("\n", 1)[0][:1000]
    blanks = written[: len(written) - len(written.lstrip())]
    if "\t" in blanks:
        finding = reader.finding(
            Code.TAB,
            (line, blanks.index("\t")),
            "a tab is used for indentation",
            "YAML allows only spaces for indentation",
            "replace the tab with spaces",
        )
        return finding, index
    fix = next((fix for part, fix in _HINTS.items() if part in problem), "correct the line")
    if "{{" in written or "{%" in written:
        fix = 'put the template in quotes: "{{ ... }}"'
    finding = reader.finding(
        Code.SYNTAX,
        (line, column),
        f"invalid YAML: {problem}",
        f"the parser stopped {context}" if context else "the parser cannot continue",
        fix,
        *related,
    )
    return finding, index


def _read_json(string: str) -> Map | None:
    """A JSON object without positions; None if the YAML reader must report something."""
    try:
        data = json.loads(string, object_pairs_hook=_json_map, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None
    level: list[Json] = [data]
    for _ in range(DEEPEST):
        level = [
            child for node in level for child in _children(node) if isinstance(child, dict | list)
        ]
        if not level:
            break
    return data if isinstance(data, Map) and not level else None


def _children(node: Json) -> Iterable[Json]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _json_map(pairs: list[tuple[str, Json]]) -> Map:
    result = Map()
    result.update(pairs)
    if len(result) < len(pairs):
        raise ValueError("a key is written twice")
    return result


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _whole_file(code: Code, position: Position, what: str, why: str, fix: str) -> Finding:
    return Finding(code, Severity.ERROR, position, "", what, why, fix)


def _not_a_map(start: Position) -> Finding:
    return _whole_file(
        Code.NOT_A_MAP,
        start,
        "the document is a list or a single value",
        "every document must be one object: a map with apiVersion and kind",
        'put each item into its own document, separated by "---"',
    )


def _too_many(position: Position) -> Finding:
    return _whole_file(
        Code.TOO_MANY,
        position,
        "too many problems; the rest of the file was not read",
        f"after {MOST_FINDINGS} findings or {_MOST_RESTARTS} unreadable documents the file "
        "probably does not contain manifests",
        "correct the problems above, or exclude the file from the input",
    )
