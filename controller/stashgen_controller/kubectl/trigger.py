"""``kubectl stashgen trigger``: create a BackupSession as the CronJob's pod does."""

from datetime import datetime

from stashgen.api.backup_session import BackupSession
from stashgen.api.resources import BACKUP_SESSIONS
from stashgen.diagnostics import ToolError
from stashgen.kubestash.sessions import backup_session_manifest
from stashgen_controller.kube.client import AlreadyExistsError, ApiError
from stashgen_controller.kubectl.api_reader import Cluster, failure
from stashgen_controller.kubectl.lookup import Subject, session_of
from stashgen_controller.kubectl.status.diagnosis import why_not_ready


class NothingToRunError(Exception):
    """The controller would skip the session; the text gives the reason."""


def create_session(
    cluster: Cluster, subject: Subject, session: str | None, now: datetime
) -> BackupSession:
    """Create a BackupSession for the current time.

    Raises:
        NothingToRunError: it would be skipped.
        UsageError: it is not clear which session.
        ToolError: the API server rejected it.
    """
    configuration = subject.configuration
    if configuration is None:
        raise NothingToRunError(f"no BackupConfiguration backs up {subject.claim} any more")
    wanted = session_of(configuration, session)
    if configuration.spec.paused:
        raise NothingToRunError(f"BackupConfiguration {subject.name} is paused")
    not_ready = why_not_ready(configuration, now)
    if not_ready:
        raise NothingToRunError(f"BackupConfiguration {subject.name} is not Ready: {not_ready}")
    manifest = backup_session_manifest(configuration, wanted, int(now.timestamp()))
    made = BackupSession.from_wire(manifest)
    name = made.metadata.name
    try:
        cluster.client.create(BACKUP_SESSIONS, subject.namespace, manifest)
    except AlreadyExistsError:
        # The CronJob's tick in the same second created it.
        found = BackupSession.from_wire(
            cluster.client.get(BACKUP_SESSIONS, subject.namespace, name)
        )
        if (found.spec.invoker, found.spec.session) != (made.spec.invoker, made.spec.session):
            msg = f"NameCollision: BackupSession {name} belongs to another session"
            raise ToolError(msg) from None
    except ApiError as error:
        raise failure(error) from error
    return made
