import json

import pytest

from stashgen_controller.worker.restic.output import MOST_ERRORS, Output


def output(*lines: object, errors: tuple[object, ...] = ()) -> Output:
    found = Output()
    for line in lines:
        found.feed(raw(line), is_error=False)
    for line in errors:
        found.feed(raw(line), is_error=True)
    return found


def raw(line: object) -> bytes:
    return line if isinstance(line, bytes) else json.dumps(line).encode()


def test_progress_is_handed_on_and_not_kept() -> None:
    found = Output()
    status = {"message_type": "status", "percent_done": 0.5}
    assert found.feed(raw(status), is_error=False) == status
    assert found.messages == []


def test_the_last_message_of_a_type_counts() -> None:
    first, second = ({"message_type": "summary", "n": number} for number in (1, 2))
    assert output(first, second).last("summary") == second
    assert output().last("summary") is None


def test_a_list_and_a_document_over_many_lines_are_read() -> None:
    assert output([{"id": "a"}, {"id": "b"}, 7]).items() == [{"id": "a"}, {"id": "b"}]
    found = output(b"{", b'  "hostname": "pod",', b'  "pid": 1', b"}")
    assert found.document() == {"hostname": "pod", "pid": 1}
    assert found.errors.count == 0
    assert output(b"not one").document() == {}


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (
            {"message_type": "error", "error": {"message": "open /a: no"}, "item": "/a"},
            "open /a: no",
        ),
        ({"message_type": "error", "error": {"message": "no"}, "item": "/a"}, "/a: no"),
        ({"message_type": "error", "message": "pack x:\n  gone\n"}, "pack x: gone"),
        (b"/nowhere does not exist, skipping", "/nowhere does not exist, skipping"),
        (b"bad \xff byte", "bad � byte"),
    ],
)
def test_errors_are_one_line_each(line: object, shown: str) -> None:
    assert output(errors=(line,)).text(1) == shown


def test_the_fatal_text_comes_first_and_the_rest_is_counted() -> None:
    fatal = {"message_type": "exit_error", "code": 1, "message": "Fatal: gave up"}
    errors = [f"error {number}".encode() for number in range(5)]
    found = output(errors=(*errors, fatal))
    assert found.text(1) == "gave up; error 0; error 1; error 2; and 2 more"


def test_nothing_said_is_the_exit_code() -> None:
    assert output().text(7) == "exit code 7"


def test_errors_are_bounded_in_number_and_length() -> None:
    found = output(errors=tuple(b"x" * 2000 for _ in range(MOST_ERRORS + 5)))
    assert (len(found.errors.texts), found.errors.count) == (MOST_ERRORS, MOST_ERRORS + 5)
    assert max(map(len, found.errors.texts)) == 500
