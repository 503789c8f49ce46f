"""One look at one object of a large namespace: what it costs, and how many objects it parses.

1,000 Snapshots and 200 configurations; no server and no thread, so that the figures say what one
reconcile costs however many of them there are.
"""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import MethodType
from unittest.mock import patch

from stashgen.api import resources as known
from stashgen.api.base import JsonObject, metadata_of, name_of, namespace_of
from stashgen.api.meta import Kind
from stashgen.api.resources import Resource
from stashgen_controller.kinds import KINDS, WATCHED
from stashgen_controller.kube.client import Client
from stashgen_controller.listers.indexes import INDEXES
from stashgen_controller.runtime.cache import Cache
from tests.bench.controller_load.look_world import NOW, World, build_world

_CONFIGURATIONS, _SNAPSHOTS_EACH = 200, 5
_LOOKED_AT = (
    known.BACKUP_SESSIONS,
    known.SNAPSHOTS,
    known.REPOSITORIES,
    known.BACKUP_CONFIGURATIONS,
    known.BACKUP_STORAGES,
)
_PARSERS = ("model_validate", "model_validate_json")
_ROUNDS = 10


def run() -> Iterator[dict[str, object]]:
    """A line for an object of each kind, of a volume whose backup is running."""
    world, subjects = build_world(_CONFIGURATIONS, _SNAPSHOTS_EACH)
    cache = _filled(world)
    for resource in _LOOKED_AT:
        obj = subjects[resource]
        with _counted() as parsed:
            _look(cache, resource, obj)
        begin = time.process_time()
        for _ in range(_ROUNDS):
            _look(cache, resource, obj)
        seconds = (time.process_time() - begin) / _ROUNDS
        yield {
            "benchmark": "controller",
            "case": "look",
            "kind": resource.kind,
            "configurations": _CONFIGURATIONS,
            "snapshots": _CONFIGURATIONS * _SNAPSHOTS_EACH,
            "cpu_milliseconds": round(seconds * 1000, 2),
            "objects_parsed": sum(parsed.values()),
            "objects_parsed_by_kind": dict(parsed.most_common()),
        }


def _filled(world: World) -> Cache:
    """The controller's caches with the objects of the world, as a list would fill them."""
    client = Client.for_url("http://127.0.0.1:9")
    cache = Cache(client, WATCHED, INDEXES, lambda _resource, _change: None)
    watched = {model.resource for model in WATCHED}
    for version, (resource, obj) in enumerate(world.objects, 1):
        if resource not in watched:
            continue
        metadata = {**metadata_of(obj), "resourceVersion": str(version)}
        cache.wrote(resource, {**obj, "metadata": metadata})
    return cache


def _look(cache: Cache, resource: Resource, obj: JsonObject) -> None:
    """Observe and decide, as the manager does for a key of its queue."""
    (kind,) = (kind for kind in KINDS if kind.resource == resource)
    found = cache.get(kind.model, namespace_of(obj), name_of(obj))
    assert found is not None
    kind.reconcile(cache, found, NOW)


@contextmanager
def _counted() -> Iterator["Counter[str]"]:
    """How many objects of each kind pydantic parses inside the block."""
    parsed: Counter[str] = Counter()

    def counting(name: str) -> object:
        real = getattr(Kind, name).__func__

        def parse(model: type[Kind], /, *args: object, **options: object) -> object:
            parsed[model.__name__] += 1
            return MethodType(real, model)(*args, **options)

        return classmethod(parse)

    with ExitStack() as stack:
        for name in _PARSERS:
            stack.enter_context(patch.object(Kind, name, counting(name)))
        yield parsed
