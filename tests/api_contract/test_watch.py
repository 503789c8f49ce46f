"""Watches: events, where they begin, and when they cannot."""

from queue import Empty, Queue
from threading import Thread

import pytest

from stashgen.api.backup_session import BackupSession
from stashgen.api.resources import BACKUP_SESSIONS, CONFIG_MAPS, Resource
from stashgen_controller.kube.client import ApiError, Event, ExpiredError
from stashgen_controller.kube.informer import Informer
from stashgen_controller.runtime.change import Change
from stashgen_controller.runtime.indexer import Indexer
from tests.api_contract.servers import Server, until
from tests.support.samples import Json, at, backup_session, config_map

# A limit and no expectation: the machine may have other work.
_PATIENCE_SECONDS = 120


class Watch:
    """A watch that runs in a thread of its own."""

    def __init__(
        self,
        server: Server,
        resource: Resource,
        namespace: str,
        since: str,
        labels: str = "",
        seconds: int = _PATIENCE_SECONDS,
    ) -> None:
        self._events: Queue[Event | ApiError] = Queue()
        self._server = server
        self._seconds = seconds
        arguments = (resource, namespace, since, labels)
        self._thread = Thread(target=self._run, args=arguments, daemon=True)
        self._thread.start()

    def _run(self, resource: Resource, namespace: str, since: str, labels: str) -> None:
        try:
            for event in self._server.client.watch(
                resource,
                namespace,
                resource_version=since,
                label_selector=labels,
                timeout_seconds=self._seconds,
            ):
                self._events.put(event)
        except ApiError as error:
            self._events.put(error)

    def seen(self, count: int) -> list[tuple[str, str]]:
        """The next events that are no bookmarks: type and name."""
        return [(item.type, str(at(item.object, "metadata", "name"))) for item in self.take(count)]

    def take(self, count: int) -> list[Event]:
        """The next events that are no bookmarks."""
        found: list[Event] = []
        while len(found) < count:
            event = self._events.get(timeout=_PATIENCE_SECONDS)
            assert isinstance(event, Event), event
            if event.type != "BOOKMARK":
                found.append(event)
        return found

    def bookmark(self, beyond: int) -> Json:
        """The next bookmark beyond a version; nothing else may come before it."""
        while True:
            event = self._events.get(timeout=_PATIENCE_SECONDS)
            assert isinstance(event, Event), event
            assert event.type == "BOOKMARK"
            if int(str(at(event.object, "metadata", "resourceVersion"))) > beyond:
                return event.object

    def is_quiet(self) -> bool:
        """Whether nothing comes for a moment."""
        try:
            return isinstance(self._events.get(timeout=0.3), ApiError)
        except Empty:
            return True


def _version(server: Server, resource: Resource, namespace: str) -> str:
    return server.client.list(resource, namespace)[1]


def test_every_write_is_seen_in_order(server: Server, namespace: str) -> None:
    watch = Watch(server, CONFIG_MAPS, namespace, _version(server, CONFIG_MAPS, namespace), "!no")
    server.client.create(CONFIG_MAPS, namespace, config_map("seen-1"))
    server.client.patch(CONFIG_MAPS, namespace, "seen-1", {"data": {"key": "new"}})
    server.client.delete(CONFIG_MAPS, namespace, "seen-1")
    kinds = [event for event in watch.seen(3) if event[1].startswith("seen")]
    assert kinds == [("ADDED", "seen-1"), ("MODIFIED", "seen-1"), ("DELETED", "seen-1")]


def test_deleted_event_has_a_newer_version_than_the_object(server: Server, namespace: str) -> None:
    created = server.client.create(BACKUP_SESSIONS, namespace, backup_session("one"))
    before = str(at(created, "metadata", "resourceVersion"))
    watch = Watch(server, BACKUP_SESSIONS, namespace, before)
    server.client.delete(BACKUP_SESSIONS, namespace, "one")
    (event,) = watch.take(1)
    assert event.type == "DELETED"
    assert int(str(at(event.object, "metadata", "resourceVersion"))) > int(before)
    assert at(event.object, "spec") == at(created, "spec")


def test_write_that_changes_nothing_is_no_event(server: Server, namespace: str) -> None:
    created = server.client.create(BACKUP_SESSIONS, namespace, backup_session("one"))
    watch = Watch(
        server, BACKUP_SESSIONS, namespace, str(at(created, "metadata", "resourceVersion"))
    )
    server.client.replace(BACKUP_SESSIONS, namespace, created)
    assert watch.is_quiet()


def test_watch_resumes_after_a_version(server: Server, namespace: str) -> None:
    server.client.create(BACKUP_SESSIONS, namespace, backup_session("a"))
    since = _version(server, BACKUP_SESSIONS, namespace)
    server.client.create(BACKUP_SESSIONS, namespace, backup_session("b"))
    server.client.delete(BACKUP_SESSIONS, namespace, "a")
    watch = Watch(server, BACKUP_SESSIONS, namespace, since)
    assert watch.seen(2) == [("ADDED", "b"), ("DELETED", "a")]


def test_watch_from_nowhere_begins_with_what_is_there(server: Server, namespace: str) -> None:
    server.client.create(BACKUP_SESSIONS, namespace, backup_session("a"))
    server.client.create(BACKUP_SESSIONS, namespace, backup_session("b"))
    watch = Watch(server, BACKUP_SESSIONS, namespace, "0")
    assert sorted(watch.seen(2)) == [("ADDED", "a"), ("ADDED", "b")]
    server.client.delete(BACKUP_SESSIONS, namespace, "a")
    assert watch.seen(1) == [("DELETED", "a")]


def test_watch_of_a_namespace_does_not_see_others(server: Server, namespace: str) -> None:
    watch = Watch(server, CONFIG_MAPS, namespace, _version(server, CONFIG_MAPS, namespace), "mine")
    mine = config_map("other", labels={"mine": "yes"})
    server.client.create(CONFIG_MAPS, "default", mine)
    server.client.delete(CONFIG_MAPS, "default", "other")
    assert watch.is_quiet()


def test_watch_by_label_sees_objects_come_and_go(server: Server, namespace: str) -> None:
    since = _version(server, BACKUP_SESSIONS, namespace)
    watch = Watch(server, BACKUP_SESSIONS, namespace, since, "mine=yes")

    def label(value: str | None) -> None:
        patch: Json = {"metadata": {"labels": {"mine": value}}}
        server.client.patch(BACKUP_SESSIONS, namespace, "one", patch)

    server.client.create(BACKUP_SESSIONS, namespace, backup_session("one"))
    label("yes")
    label("no")
    label("yes")
    label(None)
    assert watch.seen(4) == [
        ("ADDED", "one"),
        ("DELETED", "one"),
        ("ADDED", "one"),
        ("DELETED", "one"),
    ]


def test_too_old_version_is_gone(server: Server, namespace: str) -> None:
    events = server.client.watch(
        BACKUP_SESSIONS, namespace, resource_version="1", timeout_seconds=_PATIENCE_SECONDS
    )
    with pytest.raises(ExpiredError) as caught:
        next(events)
    assert (caught.value.status, caught.value.reason) == (410, "Expired")
    assert caught.value.message.startswith("too old resource version: 1")


def test_version_that_is_no_number_is_refused(server: Server, namespace: str) -> None:
    events = server.client.watch(BACKUP_SESSIONS, namespace, resource_version="new")
    with pytest.raises(ApiError, match='resourceVersion: Invalid value: "new"'):
        next(events)


def test_bookmark_moves_on_over_what_others_wrote(server: Server, namespace: str) -> None:
    mine = server.client.create(BACKUP_SESSIONS, namespace, backup_session("one"))
    watch = Watch(server, BACKUP_SESSIONS, namespace, "0", seconds=5)
    assert watch.seen(1) == [("ADDED", "one")]
    server.client.create(BACKUP_SESSIONS, "default", backup_session("elsewhere"))
    server.client.delete(BACKUP_SESSIONS, "default", "elsewhere")
    bookmark = watch.bookmark(beyond=int(str(at(mine, "metadata", "resourceVersion"))))
    assert at(bookmark, "kind") == "BackupSession"
    assert at(bookmark, "metadata", "name") is None


def test_watch_ends_after_its_time(server: Server, namespace: str) -> None:
    since = _version(server, BACKUP_SESSIONS, namespace)
    events = server.client.watch(
        BACKUP_SESSIONS, namespace, resource_version=since, timeout_seconds=1
    )
    assert [event for event in events if event.type != "BOOKMARK"] == []


def test_cache_follows_the_server(server: Server, namespace: str) -> None:
    changes: list[tuple[str, str]] = []

    def changed(change: Change) -> None:
        changes.append((change.type, str(at(change.obj, "metadata", "name"))))

    server.client.create(BACKUP_SESSIONS, namespace, backup_session("a", labels={"t": namespace}))
    cache = Indexer(BackupSession, changed)
    informer = Informer(server.client, BACKUP_SESSIONS, cache, label_selector=f"t={namespace}")
    informer.start()
    try:
        until(lambda: informer.synced, "the cache is filled")
        assert changes == [("ADDED", "a")]
        body = backup_session("b", labels={"t": namespace})
        server.client.create(BACKUP_SESSIONS, namespace, body)
        server.client.delete(BACKUP_SESSIONS, namespace, "a")
        until(lambda: len(changes) == 3, "events reach the cache")
        assert changes == [("ADDED", "a"), ("ADDED", "b"), ("DELETED", "a")]
        assert cache.get(namespace, "b") is not None
        assert cache.get(namespace, "a") is None
        assert len(cache.items(namespace)) == 1
    finally:
        informer.stop()
