"""What happens to a platform whose backups are in git, as a test follows it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from stashgen.api import resources as known
from stashgen.api.base import parse_time
from stashgen.kubestash.conditions import ConditionType
from stashgen_controller.kinds.backup_session.executor import ENSURED
from stashgen_controller.kube.client import Client
from tests.cluster import installation
from tests.cluster.argocd.platform import Platform
from tests.cluster.audit import Request, requests
from tests.cluster.kube import Kube
from tests.cluster.pod_processes import paused_backups
from tests.support.compiled_project import STORE
from tools.acceptance import data
from tools.acceptance.steps import NOT_PROVED, STEPS, Scene
from tools.acceptance.view import condition, name

Json = Any
# Patience with a slow machine.
_TICK_SECONDS = 300
_QUIET_LIMIT_SECONDS = 300
_LOCK_STEP_SECONDS = 0.005
_OVER = {"Succeeded", "Failed", "Skipped"}
WRITES = {"create", "update", "patch", "delete", "deletecollection"}


def _now() -> datetime:
    return datetime.now(UTC)


def _has_files(folder: Path) -> bool:
    """The S3 server takes away a folder whose last object goes."""
    try:
        return any(folder.iterdir())
    except FileNotFoundError:
        return False


@dataclass(slots=True)
class Story:
    """What has happened so far."""

    team: Platform
    scene: Scene
    trees: dict[str, dict[str, data.Entry]] = field(default_factory=dict)
    proofs: dict[str, str | Exception] = field(default_factory=dict)
    # The session that was under way when a commit changed the image, and the first one after it.
    bumped_session: str = ""
    next_session: str = ""
    # What that one said while its pod was not reviewed yet.
    waited_for: str = ""
    stored: set[str] = field(default_factory=set)
    quiet_writes: list[str] = field(default_factory=list)
    began: datetime = field(default_factory=_now)

    @property
    def kube(self) -> Kube:
        return self.team.kube

    def sessions(self) -> list[Json]:
        """All BackupSessions, oldest first."""
        return self.scene.view.items(known.BACKUP_SESSIONS, self.team.namespace)

    def tree(self, claim: str) -> dict[str, data.Entry]:
        """Everything in a volume but its own folder, which is the provisioner's."""
        found = data.read_tree(self.scene.view.volume(self.team.namespace, claim))
        del found["."]
        return found

    def listing(self, volume: str) -> set[str]:
        """Every file that the storage on a volume has of another volume."""
        store = self.scene.view.volume(self.team.namespace, STORE)
        files = (path for path in store.rglob("*") if path.is_file() and volume in path.parts)
        return {str(path.relative_to(store)) for path in files}

    def next_tick(self) -> str:
        """Wait for the session of the next tick to begin; its name."""
        before = {name(item) for item in self.sessions()}

        def new() -> list[str]:
            return [name(item) for item in self.sessions() if name(item) not in before]

        self.kube.wait_until(new, seconds=_TICK_SECONDS)
        return new()[0]

    def next_backup(self) -> str:
        """Wait for the first tick from now on whose session is not skipped, and for its good end.

        A tick whose predecessor is still at work is rightly skipped: on a slow machine many are.
        """
        while True:
            session = self.next_tick()
            # The Job that made it goes once the next tick's has ended.
            self.scene.backup_sessions.append(session)
            self.proofs.pop("B9", None)
            self.prove("B9")
            status = self.finish(session)["status"]
            if status["phase"] == "Succeeded":
                return session
            assert status["phase"] == "Skipped", status

    @contextmanager
    def held_backup(self) -> Iterator[str]:
        """A tick's session that is in the middle of its backup until the block ends; its name.

        restic is stopped with its lock held meanwhile, however long that takes.
        """
        locks = self.scene.bucket / self.scene.directory / "repository/v1/backup/dump/locks"
        client = Client.configured(str(self.kube.layout.kubeconfig))

        def is_over(session: str) -> bool:
            found: Json = client.get(known.BACKUP_SESSIONS, self.team.namespace, session)
            return found.get("status", {}).get("phase") in _OVER

        while True:
            self.finish_all()
            session = self.next_tick()
            # One that is skipped, or over before anybody looked, is followed by another one.
            while not is_over(session):
                if _has_files(locks):
                    with paused_backups(self.scene.restic_repository) as is_paused:
                        if is_paused and _has_files(locks):
                            yield session
                            return
                time.sleep(_LOCK_STEP_SECONDS)

    def wait_for_review(self, session: str) -> str:
        """Wait until a session's pod is refused, for the time being; the words for it."""

        def ensured() -> Json:
            found = self.scene.view.get(known.BACKUP_SESSIONS, self.team.namespace, session)
            return condition(found, ENSURED.type)

        self.kube.wait_until(lambda: ensured().get("reason") == "NotReviewedYet")
        return str(ensured()["message"])

    def finish(self, session: str) -> Json:
        """Wait for the end of a session and of its retention."""
        return installation.finished_backup(self.kube, self.team.namespace, session)

    def wait_for_end(self, session: str) -> None:
        """Wait for the end of a session; its retention may take longer."""
        installation.wait_for_phase(
            self.kube, self.team.namespace, "backupsession", session, "Succeeded"
        )

    def finish_all(self) -> None:
        """Wait for the end of all sessions, also of one whose tick has just been."""

        def are_made() -> bool:
            found = self.scene.view.items(known.CRON_JOBS, self.team.namespace)
            return not any(item.get("status", {}).get("active") for item in found)

        self.kube.wait_until(are_made)
        for item in self.sessions():
            self.finish(name(item))

    def writes_until_quiet(self, seconds: float) -> list[str]:
        """Wait until nobody has written anything in the namespace for so long.

        What has just been done may go on for a while; who writes again and again is in the answer.
        """
        deadline = time.monotonic() + _QUIET_LIMIT_SECONDS
        while (writes := self._writes(seconds)) and time.monotonic() < deadline:
            time.sleep(1)
        return writes

    def _writes(self, seconds: float) -> list[str]:
        since = max(self.began, _now() - timedelta(seconds=seconds))
        return [
            f"{item.user} {item.verb} {item.target} {item.name}"
            for item in self.requests(since)
            if item.verb in WRITES
        ]

    def duration(self, session: str) -> tuple[datetime, datetime]:
        """When a session was made, and when its last status but that of its retention was."""
        asked = [item for item in self.requests() if item.name == session and item.code < 300]
        (made,) = (item.received for item in asked if item.verb == "create")
        found = self.scene.view.get(known.BACKUP_SESSIONS, self.team.namespace, session)
        ended = condition(found, ConditionType.METRICS_PUSHED)["lastTransitionTime"]
        return made, parse_time(ended)

    def prove(self, letter: str) -> None:
        """Look at the steps of a backup (B) or of a restore (R) that are not proved yet."""
        for step, _, proof in STEPS:
            is_proved = isinstance(self.proofs.get(step), str)
            if step.startswith(letter) and not is_proved:
                try:
                    self.proofs[step] = proof(self.scene)
                except NOT_PROVED as error:
                    self.proofs[step] = error

    def requests(self, since: datetime | None = None) -> Iterator[Request]:
        """What was asked in the namespace, since a moment or from the beginning."""
        for item in requests(self.kube.layout.audit_log):
            if item.namespace == self.team.namespace and item.received >= (since or self.began):
                yield item
