"""One field that cannot be read hides no other."""

import pytest

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.inventory.readable import Readable, readable
from stashgen.yaml.nodes import Json


def _read(spec: Json) -> Readable:
    return readable(BackupConfiguration, {"metadata": {"name": "a"}, "spec": spec})


def test_an_object_that_fits_is_read_whole() -> None:
    read = _read({"paused": True})
    assert (read.problems, read.left_out) == ((), [])
    assert read.knows(("spec", "paused"))


@pytest.mark.parametrize(
    ("spec", "kept", "left_out"),
    [
        ({"paused": "${P}", "sessions": [{"name": "s"}]}, [{"name": "s"}], [("spec", "paused")]),
        ({"pause": True, "sessions": [{"name": "s"}]}, [{"name": "s"}], [("spec", "pause")]),
        ({"sessions": ["${S}", {"name": "s"}]}, [], [("spec", "sessions")]),
        ({"sessions": "${S}"}, [], [("spec", "sessions")]),
        ("${SPEC}", [], [("spec",)]),
        (
            {"sessions": [{"name": "s", "scheduler": {"schedul": "* * * * *"}}]},
            [{"name": "s"}],
            [("spec", "sessions", 0, "scheduler")],
        ),
        (
            {"sessions": [{"name": "s", "repositories": [{"encryptionSecret": {"name": 1}}]}]},
            [{"name": "s", "repositories": [{}]}],
            [
                ("spec", "sessions", 0, "repositories", 0, "encryptionSecret", "name"),
                ("spec", "sessions", 0, "repositories", 0, "encryptionSecret"),
            ],
        ),
    ],
)
def test_only_what_does_not_fit_is_left_out(spec: Json, kept: Json, left_out: list[object]) -> None:
    read = _read(spec)
    assert read.obj is not None
    assert read.obj.to_wire()["spec"] == {"backends": [], "sessions": kept}
    assert read.left_out == left_out


def test_what_was_left_out_is_unknown_with_all_below_and_around_it() -> None:
    read = _read({"target": "${TARGET}"})
    assert not read.knows(("spec", "target", "namespace"))
    assert not read.knows(("spec",))
    assert read.knows(("spec", "targets"))


def test_problems_are_those_of_what_was_written() -> None:
    read = _read({"sessions": [{"repositories": [{"encryptionSecret": {"name": 1}}]}]})
    assert [problem["type"] for problem in read.problems] == ["string_type"]


def test_the_document_is_not_changed() -> None:
    spec: dict[str, Json] = {"paused": "${P}"}
    _read(spec)
    assert spec == {"paused": "${P}"}
