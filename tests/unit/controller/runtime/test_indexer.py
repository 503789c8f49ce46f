"""What a list, a watch and our own writes leave in a cache, in whatever order they come."""

from stashgen.api.base import JsonObject
from stashgen.api.job import Job
from stashgen_controller.runtime.change import Change
from stashgen_controller.runtime.indexer import Indexer
from stashgen_controller.runtime.kind import CoveringIndex, Index


def job(name: str, version: int, *, label: str = "") -> JsonObject:
    metadata: JsonObject = {
        "name": name,
        "namespace": "demo",
        "resourceVersion": str(version),
        "labels": {"of": label},
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata}


def label_of(obj: JsonObject) -> str:
    metadata = obj["metadata"]
    assert isinstance(metadata, dict)
    labels = metadata["labels"]
    assert isinstance(labels, dict)
    return str(labels["of"])


BY_LABEL = Index(Job, lambda obj: ((label_of(obj),),))
LABELS: CoveringIndex[Job, object] = CoveringIndex(Job, lambda _obj: (("all",),), label_of)


class Cache:
    """An indexer, and the changes that it told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.indexer = Indexer(Job, self._told, [BY_LABEL, LABELS])

    def _told(self, change: Change) -> None:
        metadata = change.obj["metadata"]
        assert isinstance(metadata, dict)
        self.told.append((change.type, str(metadata["resourceVersion"])))

    @property
    def versions(self) -> list[str]:
        return sorted(str(item.metadata.resource_version) for item in self.indexer.items())


def test_our_own_write_is_there_at_once_and_is_told_once() -> None:
    cache = Cache()
    cache.indexer.replace([job("a", 3)], "5")
    cache.indexer.wrote(job("a", 7))
    assert cache.versions == ["7"]
    cache.indexer.apply("MODIFIED", job("a", 6))
    cache.indexer.apply("MODIFIED", job("a", 7))
    cache.indexer.apply("MODIFIED", job("a", 8))
    assert cache.told == [("ADDED", "3"), ("MODIFIED", "7"), ("MODIFIED", "8")]


def test_an_answer_that_comes_late_does_not_bring_a_deleted_object_back() -> None:
    cache = Cache()
    cache.indexer.replace([], "5")
    cache.indexer.apply("ADDED", job("a", 6))
    cache.indexer.apply("DELETED", job("a", 7))
    cache.indexer.wrote(job("a", 6))
    assert cache.versions == []


def test_the_end_of_an_earlier_object_of_the_name_leaves_ours() -> None:
    cache = Cache()
    cache.indexer.replace([], "5")
    cache.indexer.wrote(job("a", 11))
    cache.indexer.apply("ADDED", job("a", 9))
    cache.indexer.apply("DELETED", job("a", 10))
    assert cache.versions == ["11"]
    cache.indexer.apply("DELETED", job("a", 12))
    assert cache.versions == []


def test_a_list_drops_what_it_lacks_but_what_was_written_after_it() -> None:
    cache = Cache()
    cache.indexer.replace([job("a", 3), job("b", 4)], "5")
    cache.indexer.wrote(job("c", 9))
    cache.indexer.replace([job("b", 4)], "8")
    assert cache.versions == ["4", "9"]
    # From here on the list is newer.
    cache.indexer.replace([job("b", 4)], "10")
    assert cache.versions == ["4"]


def test_a_write_during_a_list_is_neither_lost_nor_undone() -> None:
    cache = Cache()

    def pages() -> list[JsonObject]:
        cache.indexer.wrote(job("a", 9))
        cache.indexer.wrote(job("late", 4))
        return [job("a", 3)]

    cache.indexer.replace((item for page in (pages,) for item in page()), "8")
    assert cache.versions == ["9"]


def test_indexes_follow_every_change() -> None:
    cache = Cache()
    cache.indexer.replace([job("a", 1, label="x"), job("b", 2, label="x")], "5")
    assert len(cache.indexer.by(BY_LABEL, ("x",))) == 2
    cache.indexer.apply("MODIFIED", job("a", 6, label="y"))
    assert cache.indexer.places(BY_LABEL, ("x",)) == [("demo", "b")]
    assert cache.indexer.places(BY_LABEL, ("y",)) == [("demo", "a")]
    assert sorted(map(str, cache.indexer.values(LABELS, ()))) == ["x", "y"]
    cache.indexer.apply("DELETED", job("a", 7, label="y"))
    assert cache.indexer.places(BY_LABEL, ("y",)) == []
    assert cache.indexer.values(LABELS, ("all",)) == ["x"]


def test_an_object_of_an_odd_shape_is_found_by_name_only() -> None:
    cache = Cache()
    odd = job("odd", 6)
    metadata = odd["metadata"]
    assert isinstance(metadata, dict)
    del metadata["labels"]
    cache.indexer.replace([job("a", 1, label="x")], "5")
    cache.indexer.apply("ADDED", odd)
    assert cache.indexer.has("demo", "odd")
    assert cache.indexer.places(BY_LABEL, ("x",)) == [("demo", "a")]


def test_an_event_of_an_earlier_watch_does_not_undo_a_list() -> None:
    """A new leader lists again; the watch of before may have events under way."""
    cache = Cache()
    cache.indexer.replace([job("a", 3), job("b", 4)], "5")
    cache.indexer.replace([job("a", 8)], "9")
    for type_, event in (
        ("MODIFIED", job("a", 7)),
        ("ADDED", job("b", 6)),
        ("DELETED", job("a", 9)),
    ):
        cache.indexer.apply(type_, event)
    assert cache.versions == ["8"]


def test_the_last_word_of_a_deleted_object_is_read_for_a_while() -> None:
    told: list[str] = []
    indexer = Indexer(
        Job, lambda change: told.append(change.type), [BY_LABEL], is_remembered=lambda _obj: True
    )
    indexer.replace([job("a", 3, label="x")], "5")
    indexer.apply("DELETED", job("a", 6, label="x"))
    assert [item.metadata.name for item in indexer.by(BY_LABEL, ("x",))] == ["a"]
    indexer.replace([], "7")
    assert told == ["ADDED", "DELETED"]
    for number in range(600):
        indexer.apply("ADDED", job(f"n{number}", 10 + 2 * number))
        indexer.apply("DELETED", job(f"n{number}", 11 + 2 * number))
    assert indexer.by(BY_LABEL, ("x",)) == []
    assert len(indexer.items()) == 500


def test_models_are_kept_of_what_was_read_last_or_is_read_often() -> None:
    cache = Cache()
    cache.indexer.replace([job(f"j{number:03}", number) for number in range(1, 301)], "300")
    often, seldom = cache.indexer.get("demo", "j001"), cache.indexer.get("demo", "j002")
    for number in range(3, 301):
        cache.indexer.get("demo", f"j{number:03}")
        assert cache.indexer.get("demo", "j001") is often
    last = cache.indexer.get("demo", "j300")
    assert cache.indexer.get("demo", "j300") is last
    again = cache.indexer.get("demo", "j002")
    assert again == seldom
    assert again is not seldom


def test_a_change_says_which_parts_are_others() -> None:
    told: list[Change] = []
    indexer = Indexer(Job, told.append)
    asked = []

    def label(obj: JsonObject) -> object:
        asked.append(obj)
        return label_of(obj) or None

    indexer.apply("ADDED", job("a", 1))
    indexer.apply("MODIFIED", job("a", 2, label="x"))
    indexer.apply("MODIFIED", job("a", 3, label="x"))
    indexer.apply("DELETED", job("a", 4, label="x"))
    # Several watches ask for the same part.
    assert [[change.concerns(label), change.concerns(label)] for change in told] == [
        [False, False],
        [True, True],
        [False, False],
        [True, True],
    ]
    assert len(asked) == 1 + 2 + 2
