"""Failed and running restores: lines of ``kubectl stashgen status``."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from pydantic import ValidationError

from stashgen.api.resources import RESTORE_SESSIONS
from stashgen.api.restore_request import RestoreRequestPhase
from stashgen.api.restore_session import RestoreSession
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.kubectl.status.advice import next_command
from stashgen_controller.kubectl.status.diagnosis import bad_conditions, why_failed
from stashgen_controller.kubectl.status.entry import Entry, Section
from stashgen_controller.kubectl.status.lost_pods import why_unheard
from stashgen_controller.kubectl.status.view import View
from stashgen_controller.protocol.run_spec import order_of
from stashgen_controller.runtime.conditions import find

# How it read, and that its spec says something else.
_HOW = (ConditionType.RESTORED_WITHOUT_LOCK, ConditionType.CHANGED_AFTER_START)
_LONG_AGO = datetime.fromtimestamp(0, UTC)
_GOOD = "Succeeded"


@dataclass(frozen=True, slots=True)
class RestoreView:
    """A RestoreSession, or a RestoreRequest, which creates one.

    Attributes:
        why: Why it failed, or what it is waiting for.
        made: The last RestoreSession that a request created; it is not shown separately.
        asked_by: The request that created a RestoreSession; earlier attempts are not shown either.
        lacks: What a restore that succeeded could not give the volume.
        how: What is to be known of how it read.
        is_history: A request that was completed or expired before it came to this cluster, like
            all of them in a rebuilt cluster. It was not attempted here, so it counts neither as
            failed nor as a later success.
    """

    kind: str
    namespace: str
    name: str
    target: str
    repository: str
    time: datetime
    phase: str
    is_finished: bool
    why: str
    made: str = ""
    asked_by: str = ""
    is_history: bool = False
    lacks: str = ""
    how: str = ""

    @property
    def text(self) -> str:
        """All that there is to say of it."""
        return "; ".join(part for part in (self.why or self.lacks, self.how) if part)


def restores_of(view: View) -> list[RestoreView]:
    """All restores, newest first; a request and its RestoreSessions count as one."""
    requests = list(_requests(view))
    made = {(item.namespace, item.made) for item in requests}
    asked = {(item.namespace, item.name) for item in requests}
    sessions = [
        item
        for item in _sessions(view)
        if (item.namespace, item.name) not in made and (item.namespace, item.asked_by) not in asked
    ]
    return sorted([*requests, *sessions], key=lambda item: (item.time, item.name), reverse=True)


def _sessions(view: View) -> Iterator[RestoreView]:
    for item in view.restores:
        namespace, name = item.key
        target, source = item.spec_in_effect.target, item.spec_in_effect.data_source
        conditions = item.status.conditions if item.status is not None else ()
        why = "; ".join(bad_conditions(conditions))
        if not item.is_finished:
            executor = item.status.executor if item.status is not None else None
            why = why_unheard(view.reader, item, name, executor) or why
        if item.is_finished and item.phase != _GOOD:
            stored = view.reader.stored(RESTORE_SESSIONS, namespace, name) or item.to_wire()
            why = why_failed(view.reader, RESTORE_SESSIONS, stored)
        yield RestoreView(
            item.kind,
            namespace,
            name,
            target.name if target is not None else "",
            (source.repository if source is not None else None) or "",
            item.metadata.creation_timestamp or _LONG_AGO,
            item.phase or "Pending",
            item.is_finished,
            "" if item.phase == _GOOD else why,
            asked_by=_asked_by(item),
            lacks=_message(item, ConditionType.METADATA_RESTORED),
            how="; ".join(filter(None, (_message(item, type_) for type_ in _HOW))),
        )


def _message(session: RestoreSession, type_: ConditionType) -> str:
    """What a condition says that only some restores have; empty without it."""
    conditions = session.status.conditions if session.status is not None else ()
    found = find(conditions, type_)
    return (found.message or "") if found is not None else ""


def _asked_by(session: RestoreSession) -> str:
    try:
        order = order_of(session)
    except ValidationError:
        return ""
    return order.request if order is not None else ""


def _requests(view: View) -> Iterator[RestoreView]:
    sessions = {item.key: item for item in view.restores}
    for item in view.requests:
        namespace, name = item.key
        status = item.status
        made_by_it = (status.restore_session if status is not None else None) or ""
        session = sessions.get((namespace, made_by_it))
        conditions = status.conditions if status is not None else ()
        why = (status.error if status is not None else None) or "; ".join(
            bad_conditions(conditions)
        )
        made = item.metadata.creation_timestamp or _LONG_AGO
        came_late = item.phase is RestoreRequestPhase.EXPIRED and made >= item.spec.not_after
        is_history = came_late or (status is not None and status.restored_before is not None)
        yield RestoreView(
            item.kind,
            namespace,
            name,
            item.spec.target.name,
            item.spec.repository,
            made,
            item.phase or "Pending",
            item.is_finished,
            "" if item.phase == _GOOD or is_history else why,
            made_by_it,
            is_history=is_history,
            lacks=_message(session, ConditionType.METADATA_RESTORED) if session is not None else "",
        )


def failed_restores(view: View) -> Iterator[Entry]:
    """The newest restore into each claim, if it failed; a later success supersedes a failure."""
    newest: dict[tuple[str, str], RestoreView] = {}
    for item in restores_of(view):
        if item.is_finished and not item.is_history:
            newest.setdefault((item.namespace, item.target), item)
    yield from _entries(
        view, (item for item in newest.values() if item.phase != _GOOD), Section.FAILED
    )


def incomplete_restores(view: View) -> Iterator[Entry]:
    """The newest restore into each claim, if the volume refused some of the metadata."""
    newest: dict[tuple[str, str], RestoreView] = {}
    for item in restores_of(view):
        if item.is_finished and not item.is_history:
            newest.setdefault((item.namespace, item.target), item)
    found = (replace(item, why=item.lacks) for item in newest.values() if item.lacks)
    yield from _entries(view, found, Section.INCOMPLETE)


def running_restores(view: View) -> Iterator[Entry]:
    """Restores in progress, and what they are waiting for."""
    found = (item for item in restores_of(view) if not item.is_finished)
    yield from _entries(view, found, Section.RUNNING)


def _entries(view: View, found: Iterable[RestoreView], section: Section) -> Iterator[Entry]:
    for item in found:
        key = (item.namespace, item.repository)
        place = view.place(item.namespace, view.owner(key) or item.target, item.repository)
        place = replace(place, into=item.target)
        why = item.text or f"its phase is {item.phase}"
        look = f"kubectl describe {item.kind.lower()} {item.name} -n {item.namespace}"
        yield Entry(
            section,
            item.namespace,
            item.kind,
            item.name,
            f"restore {item.name} into {item.target}",
            item.time,
            "",
            why,
            next_command(why, place) if section is Section.FAILED else look,
        )
