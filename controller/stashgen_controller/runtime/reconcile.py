"""One look at an object of any kind: read it, decide, write what was decided."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, assert_never

from stashgen.api.base import JsonObject, mapping_of, metadata_of
from stashgen.api.labels import JOB_NAME_LABEL
from stashgen.api.pod import Pod
from stashgen.api.resources import Resource
from stashgen_controller.kube.client import Client, NotFoundError
from stashgen_controller.kube.events import latest_warning
from stashgen_controller.runtime.apply import apply
from stashgen_controller.runtime.decision import (
    Decision,
    EventsQuestion,
    Key,
    PodsQuestion,
    Question,
)
from stashgen_controller.runtime.kind import (
    Kind,
    Reader,
    is_namespace_terminating,
)
from stashgen_controller.runtime.malformed import (
    ODD_SHAPE,
    is_marked,
    marked_status,
    unmarked,
)


def reconcile(
    client: Client,
    reader: Reader,
    kind: Kind[Any, Any],
    key: Key,
    now: datetime,
    wrote: Callable[[Resource, JsonObject], None] = lambda _resource, _obj: None,
    *,
    is_retry: bool = False,
) -> timedelta | None:
    """Look at one object and do what is to be done; says when to look again at the latest.

    An object that is gone or is being deleted needs nothing: we have no finalizers. The same goes
    for one whose namespace is being deleted. That it cannot be read, or what it refers to, is said
    in its status before that is raised.

    After a failure it is read from the API server first: a write whose answer was lost may have
    been done, and a decision without it could contradict what was decided before.

    Args:
        client: Writes what was decided.
        reader: What is known.
        kind: Of the object.
        key: Which object.
        now: The time.
        wrote: Given the answer to each write, so that the caches have it at once.
        is_retry: The last look at it failed, and may have written something.

    Raises:
        ConflictError: the object changed since it was read; look again.
        NameCollisionError: an object of a name that we need belongs to somebody else.
        ApiError: any other refusal.
        MalformedError: it, or what it refers to, has a shape that our models refuse.
        Exception: something in it cannot be processed.
    """
    if is_retry:
        try:
            wrote(key.resource, client.get(key.resource, key.namespace, key.name))
        except NotFoundError:
            return None
    # In this order: if the object changes in between, the status is refused as a conflict and is
    # decided again. The other way round it would be written over what was not looked at.
    stored = reader.stored(key.resource, key.namespace, key.name)
    if stored is None or metadata_of(stored).get("deletionTimestamp"):
        return None
    if is_namespace_terminating(reader, key.namespace):
        return None
    try:
        decision = _decide(client, reader, kind, key, stored, now)
    except ODD_SHAPE as error:
        phases = kind.malformed_phase, kind.waiting_phase
        decision = Decision(status=marked_status(key.resource, stored, error, now, phases))
        apply(client, reader, stored, decision, kind.resource, wrote)
        raise
    apply(client, reader, stored, decision, kind.resource, wrote)
    return decision.requeue_after


def _decide(
    client: Client,
    reader: Reader,
    kind: Kind[Any, Any],
    key: Key,
    stored: JsonObject,
    now: datetime,
) -> Decision:
    obj = reader.get(kind.model, key.namespace, key.name)
    if obj is None:
        return Decision()
    if not is_marked(stored):
        decision = kind.reconcile(reader, obj, now)
    else:
        # It could not be read, or what it refers to: that is over, unless this look raises again.
        before = unmarked(stored)
        decision = kind.reconcile(reader, kind.model.from_wire(before), now)
        if decision.status is None:
            decision = replace(decision, status=mapping_of(before, "status"))
    while (asked := decision.question) is not None:
        decision = _answered(client, reader, asked)
    return decision


def _answered(client: Client, reader: Reader, asked: Question) -> Decision:
    match asked:
        case PodsQuestion(namespace=namespace, job=job):
            return asked.answered(reader.live_items(Pod, namespace, (JOB_NAME_LABEL, job)))
        case EventsQuestion(kind=kind, namespace=namespace, name=name):
            return asked.answered(latest_warning(client, kind, namespace, name))
        case _:
            assert_never(asked)
