"""Files of the output folder: marked, in order, separated."""

from pathlib import PurePosixPath

import yaml

from stashgen import tree
from stashgen.model import Manifest
from stashgen.serialize import serialize
from stashgen.serialize.serialize import MARK


def _manifest(path: str, **data: str) -> Manifest:
    return Manifest(PurePosixPath(path), {**data})


def test_first_line_is_the_mark_that_the_writer_looks_for() -> None:
    assert MARK.encode() == tree.MARK + b"\n"


def test_objects_of_a_file_keep_their_order_and_files_are_sorted() -> None:
    files = serialize(
        [_manifest("b.yaml", a="1"), _manifest("a/c.yaml", b="2"), _manifest("b.yaml", c="x")]
    )
    assert list(files.items()) == [
        (PurePosixPath("a/c.yaml"), MARK.encode() + b'b: "2"\n'),
        (PurePosixPath("b.yaml"), MARK.encode() + b'a: "1"\n---\nc: x\n'),
    ]


def test_another_reader_sees_the_same_data() -> None:
    data = {"yes": "no", "number": "1e3", "text": "a: b\n", "empty": ""}
    (content,) = serialize([_manifest("a.yaml", **data)]).values()
    assert yaml.safe_load(content) == data


def test_nothing_is_no_file() -> None:
    assert serialize([]) == {}
