"""Versions, history and pages of the embedded server's store."""

import pytest

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.apiserver import store as module
from stashgen_controller.embedded.apiserver.builtins import BUILTINS
from stashgen_controller.embedded.apiserver.errors import StatusError
from stashgen_controller.embedded.apiserver.listing import select
from stashgen_controller.embedded.apiserver.store import Store

_SERVED = next(item for item in BUILTINS if item.resource.kind == "ConfigMap")
_KEY = _SERVED.key


def _put(store: Store, name: str) -> None:
    obj: JsonObject = {"metadata": {"namespace": "n", "name": name, "labels": {"name": name}}}
    with store.lock:
        store.put(_KEY, "n", name, obj)


def _names(items: list[JsonObject]) -> list[str]:
    return [str(item["metadata"]["name"]) for item in items if isinstance(item["metadata"], dict)]


def test_list_of_the_past_has_what_was_there() -> None:
    store = Store()
    _put(store, "a")
    _put(store, "b")
    then = store.version
    _put(store, "c")
    last = store.get(_KEY, "n", "a")
    assert last is not None
    with store.lock:
        store.remove(_KEY, "n", "a", last)
    assert _names(store.items_at(_KEY, then)) == ["a", "b"]
    assert _names(store.items(_KEY)) == ["b", "c"]


def test_nobody_can_watch_from_before_a_resource_began() -> None:
    store = Store()
    _put(store, "a")
    _put(store, "b")
    store.begin(_KEY)
    with pytest.raises(StatusError, match=r"too old resource version: 1 \(2\)"):
        store.changes(_KEY, 1, 0)
    assert store.changes(_KEY, 2, 0) is None


def test_version_older_than_the_history_is_gone() -> None:
    store = Store()
    for index in range(module.HISTORY + 2):
        _put(store, f"x-{index % 3}")
    with pytest.raises(StatusError) as caught:
        store.changes(_KEY, 1, 0)
    assert caught.value.code == 410


def test_changes_of_other_resources_are_not_seen() -> None:
    store = Store()
    _put(store, "a")
    with store.lock:
        store.put(("", "secrets"), "n", "s", {"metadata": {"name": "s"}})
    assert [change.type for change in store.changes(_KEY, 0, 0) or ()] == ["ADDED"]


def test_pages_skip_nothing_while_others_write() -> None:
    store = Store()
    for name in ("a", "c", "e"):
        _put(store, name)
    page = select(store, _SERVED, "n", {"limit": "2"})
    assert (_names(page.items), page.metadata["remainingItemCount"]) == (["a", "c"], 1)
    _put(store, "b")
    _put(store, "d")
    rest = select(store, _SERVED, "n", {"limit": "2", "continue": str(page.metadata["continue"])})
    assert _names(rest.items) == ["e"]
    assert "continue" not in rest.metadata


@pytest.mark.parametrize("token", ["x", "W10", "eyJhIjoxfQ", "%%%"])
def test_page_of_another_server_is_refused(token: str) -> None:
    with pytest.raises(StatusError) as caught:
        select(Store(), _SERVED, "n", {"continue": token})
    assert caught.value.code == 400
