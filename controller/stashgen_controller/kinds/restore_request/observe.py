"""What is to be known about one RestoreRequest before anything is decided."""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from stashgen.api.labels import is_rendered
from stashgen.api.repository import Repository
from stashgen.api.restore_request import LATEST, RestoreRequest, RestoreRequestStatus
from stashgen.api.restore_session import RestoreSession
from stashgen.api.shared import AddonInfo
from stashgen.api.snapshot import Snapshot
from stashgen.kubestash import names
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.sessions import restore_addon
from stashgen_controller.listers.configurations import uses_of
from stashgen_controller.listers.snapshots import find_snapshot, why_incomplete
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_spec import RestoreOrder, order_of
from stashgen_controller.runtime.conditions import find
from stashgen_controller.runtime.kind import Reader, is_deleting

MOST_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Attempt:
    """One RestoreSession of the act, counted from 1."""

    number: int
    session: RestoreSession


@dataclass(frozen=True, slots=True)
class Observed:
    """What is known about one RestoreRequest.

    Attributes:
        request: As stored.
        order: What its RestoreSessions carry.
        newest: Its last attempt; None before the first.
        left: How far an attempt came that left the volume half written; None where none did.
        stranger: Why a RestoreSession of our name is not one of this act.
        repository: That is restored from; None where there is none.
        snapshot: The one to restore; None where none matches.
        missing: Why none matches.
        incomplete: Why another one may still come back from the bucket that would match.
        addon: How a restore is done, from the session that made the Snapshot.
        unresolved: Why that is not known.
    """

    request: RestoreRequest
    order: RestoreOrder
    newest: Attempt | None
    left: str | None
    stranger: str | None
    repository: Repository | None
    snapshot: Snapshot | None
    missing: str
    incomplete: Reason | None
    addon: AddonInfo | None
    unresolved: str | None

    @property
    def status(self) -> RestoreRequestStatus:
        """The stored status, or an empty one."""
        return self.request.status or RestoreRequestStatus()


def observe(reader: Reader, request: RestoreRequest) -> Observed:
    """Collect what ``decide`` needs to know about a request."""
    spec, namespace = request.spec, request.metadata.namespace or ""
    order = RestoreOrder(
        nonce=spec.nonce,
        namespace=namespace,
        request=request.metadata.name,
        repository=spec.repository,
        snapshot=spec.snapshot,
        target=spec.target.name,
        mode=spec.mode,
        not_after=spec.not_after,
    )
    newest, stranger = _attempts(reader, order)
    repository = reader.get(Repository, namespace, spec.repository)
    # Once it was decided what is latest, it stays so.
    wanted = (request.status.snapshot if request.status else None) or spec.snapshot
    snapshot = find_snapshot(reader, namespace, spec.repository, wanted)
    addon = _addon(reader, repository, snapshot)
    is_known = addon is not None or (repository is not None and is_rendered(repository.metadata))
    return Observed(
        request=request,
        order=order,
        newest=newest,
        left=_left_behind(reader, order),
        stranger=stranger,
        repository=repository,
        snapshot=snapshot if repository is not None else None,
        missing=_missing(order, wanted, repository),
        incomplete=why_incomplete(reader, namespace, spec.repository)
        if snapshot is None or wanted == LATEST
        else None,
        addon=addon,
        unresolved=None
        if is_known
        else f"no BackupConfiguration has a session that writes to Repository {spec.repository}, "
        "so the addon to restore with is not known",
    )


def _attempts(reader: Reader, order: RestoreOrder) -> tuple[Attempt | None, str | None]:
    """The last attempt, and why a RestoreSession of our name is not ours."""
    newest = None
    for attempt in _sessions(reader, order):
        name, other = attempt.session.metadata.name, _order(attempt.session)
        if other is None:
            return (
                None,
                f"RestoreSession {name} already exists and was not created for a RestoreRequest",
            )
        if not other.is_same_act(order):
            whose = f"RestoreRequest {other.request} with the same nonce"
            return None, f"RestoreSession {name} was created for another restore: {whose}"
        newest = attempt
    return newest, None


def _left_behind(reader: Reader, order: RestoreOrder) -> str | None:
    found = None
    for attempt in _sessions(reader, order):
        status = attempt.session.status
        in_part = find(status.conditions, ConditionType.RESTORED_IN_PART) if status else None
        found = in_part.message if in_part is not None else found
    return found


def _sessions(reader: Reader, order: RestoreOrder) -> Iterator[Attempt]:
    """The RestoreSessions of the names that attempts have, in their order.

    One that is being deleted is gone: a person ended it, and a finalizer may keep it for ever.
    """
    for number in range(1, MOST_ATTEMPTS + 1):
        name = names.requested_restore_name(order.nonce, number)
        session = reader.get(RestoreSession, order.namespace, name)
        if session is not None and not is_deleting(session):
            yield Attempt(number, session)


def _order(session: RestoreSession) -> RestoreOrder | None:
    try:
        return order_of(session)
    except ValidationError:
        return None


def _missing(order: RestoreOrder, wanted: str, repository: Repository | None) -> str:
    if repository is None:
        return f"Repository {order.repository} does not exist"
    if wanted == LATEST:
        return f"Repository {order.repository} has no succeeded Snapshot"
    return f"Repository {order.repository} has no succeeded Snapshot {wanted}"


def _addon(
    reader: Reader, repository: Repository | None, snapshot: Snapshot | None
) -> AddonInfo | None:
    """How the volume is restored, from the session that made the Snapshot."""
    if repository is None:
        return None
    uses = uses_of(reader, repository)
    session = snapshot.spec.session if snapshot is not None else None
    ordered = sorted(uses, key=lambda use: use.session.name != session)
    addon = ordered[0].session.addon if ordered else None
    return restore_addon(addon) if addon is not None else None
