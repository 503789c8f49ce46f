"""What happens to a platform whose backups are in git, as a test follows it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from stashgen.api import resources as known
from stashgen.api.base import parse_time
from stashgen_controller.conditions import METRICS_PUSHED
from tests.cluster import installation
from tests.cluster.argocd.platform import Platform
from tests.cluster.audit import Request, requests
from tests.cluster.installation import STORE
from tests.cluster.kube import Kube
from tools.demo import data
from tools.demo.proofs import NOT_PROVED, STEPS, Scene
from tools.demo.view import condition, name

Json = Any
_TICK_SECONDS = 90


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(slots=True)
class Story:
    """What has happened so far."""

    team: Platform
    scene: Scene
    trees: dict[str, dict[str, data.Entry]] = field(default_factory=dict)
    proofs: dict[str, str | Exception] = field(default_factory=dict)
    # Every BackupSession that was ever seen, with the last phase that was seen of it.
    phases: dict[str, str] = field(default_factory=dict)
    bumped_session: str = ""
    stored: set[str] = field(default_factory=set)
    quiet_writes: list[str] = field(default_factory=list)
    began: datetime = field(default_factory=_now)

    @property
    def kube(self) -> Kube:
        return self.team.kube

    def sessions(self) -> list[Json]:
        """All BackupSessions, oldest first."""
        found = self.scene.view.items(known.BACKUP_SESSIONS, self.team.namespace)
        self.phases |= {name(item): item.get("status", {}).get("phase", "") for item in found}
        return found

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

    def finish(self, session: str) -> Json:
        """Wait for the end of a session and of its retention."""
        return installation.finished_backup(self.kube, self.team.namespace, session)

    def duration(self, session: str) -> tuple[datetime, datetime]:
        """When a session was made, and when its last status but that of its retention was."""
        asked = [item for item in self.requests() if item.name == session and item.code < 300]
        (made,) = (item.received for item in asked if item.verb == "create")
        found = self.scene.view.get(known.BACKUP_SESSIONS, self.team.namespace, session)
        ended = condition(found, METRICS_PUSHED)["lastTransitionTime"]
        return made, parse_time(ended)

    def prove(self, letter: str) -> None:
        """Look at the steps of a backup (B) or of a restore (R)."""
        for step, _, proof in STEPS:
            if step.startswith(letter):
                try:
                    self.proofs[step] = proof(self.scene)
                except NOT_PROVED as error:
                    self.proofs[step] = error

    def requests(self, since: datetime | None = None) -> Iterator[Request]:
        """What was asked in the namespace, since a moment or from the beginning."""
        for item in requests(self.kube.layout.audit_log):
            if item.namespace == self.team.namespace and item.received >= (since or self.began):
                yield item
