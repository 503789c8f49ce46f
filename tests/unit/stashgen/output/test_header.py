"""The first lines of a file: what is written there is read again, and nothing else is believed."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashgen.model.inventory import VolumeKey
from stashgen.model.manifest import Record
from stashgen.output.header import GENERATED_HEADER, is_marked, project_of, record_of, with_header

KEY = VolumeKey("prd1", "shop", "orders")
LIVE = Record(KEY, ("nas-2k4hd", "s3-eu-0aaaa"))
RETIRED = Record(KEY, ("nas-2k4hd",), date(2030, 12, 31))
BODY = b"kind: Repository\n"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"apiVersion: v1",
        b"# project:",
        b"# project: shop; volume: prd1/orders; repositories: a",
        b"# project: shop; volume: prd1/shop/orders",
        b"# project: shop; volume: prd1/shop/orders; repositories: a; retired until: soon",
        b"# project: shop; volume: prd1/shop/orders; repositories: a  b",
        b"# project: shop; volume: prd1/shop/orders; repositories: a; retired until: 2030-12-31",
        b"# project: shop and more",
        b"\xff\xfe",
    ],
)
def test_a_second_line_that_no_build_writes_is_not_taken_for_a_record(line: bytes) -> None:
    with pytest.raises(ValueError, match="second line"):
        record_of(GENERATED_HEADER + b"\n" + line + b"\n" + BODY)


@pytest.mark.parametrize(
    ("word", "other"),
    [
        (b"Repository", b"Repositori"),
        (b"2030-12-31", b"2020-12-31"),
        (b"orders", b"carts"),
        (b"nas-2k4hd", b"nas-00000"),
    ],
)
def test_an_edit_of_a_retired_history_is_seen(word: bytes, other: bytes) -> None:
    content = with_header("shop", RETIRED, BODY)
    assert record_of(content) == RETIRED
    with pytest.raises(ValueError, match="edited"):
        record_of(content.replace(word, other))


def test_an_edit_of_a_kept_file_without_a_history_is_seen() -> None:
    content = with_header("shop", None, BODY, is_kept=True)
    assert content.splitlines()[1].startswith(b"# project: shop; kept; sha256: ")
    assert record_of(content) is None
    with pytest.raises(ValueError, match="edited"):
        record_of(content + b"spec: {}\n")


def test_another_name_of_the_project_is_no_edit_of_a_history() -> None:
    content = with_header("shop", RETIRED, BODY).replace(b"project: shop", b"project: store")
    assert (project_of(content), record_of(content)) == ("store", RETIRED)


def test_a_file_without_a_record_or_without_an_owner() -> None:
    assert record_of(with_header("shop", None, BODY)) is None
    assert project_of(GENERATED_HEADER + b"\n" + BODY) is None
    assert project_of(GENERATED_HEADER) is None
    assert not is_marked(GENERATED_HEADER + b" not\n")


@given(
    key=st.builds(VolumeKey, *[st.from_regex(r"[a-z][-a-z0-9.]{0,20}", fullmatch=True)] * 3),
    repositories=st.lists(st.from_regex(r"[a-z0-9-]+", fullmatch=True), min_size=1, max_size=4),
    until=st.none() | st.dates(),
    body=st.binary(max_size=50).map(lambda body: body.replace(b"\r", b"")),
    ends=st.sampled_from([b"\n", b"\r\n"]),
)
def test_a_record_is_read_as_it_was_written(
    key: VolumeKey, repositories: list[str], until: date | None, body: bytes, ends: bytes
) -> None:
    record = Record(key, tuple(repositories), until)
    content = with_header("shop", record, body).replace(b"\n", ends)
    assert is_marked(content)
    assert project_of(content) == "shop"
    assert record_of(content) == record
