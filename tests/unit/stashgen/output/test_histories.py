"""The histories of the output before the build, by the files' second lines alone."""

from datetime import date
from pathlib import PurePosixPath

from stashgen.model.history import History, Previous
from stashgen.model.inventory import VolumeKey
from stashgen.model.manifest import Record
from stashgen.output.header import with_header
from stashgen.output.histories import histories

ROOT = PurePosixPath("rendered")
ORDERS = VolumeKey("prd1", "shop", "orders")
CARTS = VolumeKey("prd1", "shop", "carts")
UNTIL = date(2030, 12, 31)
BODY = b"kind: Repository\n"


def previous(files: dict[str, Record | None], root: PurePosixPath = ROOT) -> Previous:
    return Previous(
        root,
        {
            PurePosixPath(name): with_header("shop", record, BODY if record else b"kind: Role\n")
            for name, record in files.items()
        },
    )


def test_a_volumes_file_without_its_record_is_damaged() -> None:
    for body in (BODY, BODY.replace(b"\n", b"\r\n")):
        folder = Previous(ROOT, {PurePosixPath("a.yaml"): with_header("shop", None, body)})
        (found,) = histories([folder]).findings
        assert (found.code, str(found.position)) == ("SG704", "rendered/a.yaml:1:1")
        assert "does not list the histories that it holds" in found.what


def test_every_repository_of_a_volume_is_a_history() -> None:
    files = {"b.yaml": Record(ORDERS, ("s3-b", "nas-a")), "a.yaml": Record(CARTS, ("nas-c",))}
    outcome = histories([previous({**files, "_namespace.yaml": None})])
    assert outcome.findings == ()
    assert outcome.value == (
        History(CARTS, "nas-c", ROOT, PurePosixPath("a.yaml")),
        History(ORDERS, "nas-a", ROOT, PurePosixPath("b.yaml")),
        History(ORDERS, "s3-b", ROOT, PurePosixPath("b.yaml")),
    )


def test_after_an_interrupted_build_the_protected_volume_counts_and_not_the_retired_one() -> None:
    live, retired = Record(ORDERS, ("nas-a",)), Record(ORDERS, ("nas-a",), UNTIL)
    for names in (("1.yaml", "2.yaml"), ("2.yaml", "1.yaml")):
        (history,) = histories([previous(dict(zip(names, (live, retired), strict=True)))]).value
        assert (history.until, str(history.path)) == (None, names[0])


def test_the_folder_that_is_written_counts_before_the_projects_own() -> None:
    other = PurePosixPath("/out")
    record = Record(ORDERS, ("nas-a",))
    folders = [previous({"a.yaml": record}), previous({"b.yaml": record}, other)]
    (history,) = histories(folders).value
    assert (history.root, str(history.path)) == (other, "b.yaml")
    assert str(history.position) == "/out/b.yaml:1:1"
