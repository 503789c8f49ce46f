"""One run of the demo's story: protect a volume, change it, lose data, get it back, keep two."""

import secrets
import time
from collections.abc import Callable

from stashgen.api import resources as known
from tools.acceptance import data
from tools.acceptance.steps import Scene
from tools.acceptance.view import DemoError, Json, condition, name
from tools.demo import manifests
from tools.demo.cluster import Cluster

Say = Callable[[str], None]
# A tick that finds nothing ready yet, or another session at work, is skipped: that is no backup.
_FINISHED = {"Succeeded", "Failed", "Invalid"}
_RETAINED = 2


def prepare(cluster: Cluster, namespace: str, secret: str, claims: list[str], say: Say) -> None:
    """What exists before any policy: the namespace, its key, volumes with data in the first."""
    cluster.apply(manifests.namespace(namespace))
    cluster.apply(manifests.key_secret(namespace, secret, secrets.token_urlsafe(24)))
    for item in claims:
        folder = cluster.volume(namespace, item)
        folder.mkdir(parents=True)
        folder.chmod(0o777)
    count = data.make_tree(cluster.volume(namespace, claims[0]), data.real_files())
    say(f"Namespace and Secret are there; volume {claims[0]} has {count:,} files")


def play(cluster: Cluster, scene: Scene, say: Say) -> None:
    """Backups, loss, restores, retention.

    Raises:
        DemoError: something does not happen, or restored data differs.
    """
    volume = cluster.volume(scene.namespace, scene.claim)

    first_tree = data.read_tree(volume)
    _await_backup(cluster, scene, say, "the initial backup")
    data.change_tree(volume)
    last_tree = data.read_tree(volume)
    say("the volume's data was changed; the clock moves to the next tick")
    _next_tick(cluster, scene)
    _await_backup(cluster, scene, say, "the CronJob's backup")
    lost = data.lose_data(volume)
    say(f"disaster: {lost:,} files of {scene.claim} are deleted")

    first, last = (_snapshot(scene, item) for item in scene.backup_sessions)
    for wish, claim, snapshot, tree in (
        ("first", f"{scene.claim}-first", first, first_tree),
        ("last", f"{scene.claim}-last", last, last_tree),
        ("in-place", scene.claim, "latest", last_tree),
    ):
        if claim != scene.claim:
            cluster.apply(manifests.claim(scene.namespace, claim))
        _restore(cluster, scene, f"restore-{wish}", claim, snapshot)
        wrong = data.differences(tree, data.read_tree(cluster.volume(scene.namespace, claim)))
        if wrong:
            raise DemoError(f"{claim} differs after the restore: {'; '.join(wrong[:5])}")
        scene.equal.append(f"{claim} equal")
        say(f"restored {wish} into {claim}: {len(tree):,} entries equal ({_compared()})")

    say("one more tick; retention keeps two snapshots")
    _next_tick(cluster, scene)
    _await_backup(cluster, scene, say, "the third backup")
    _await_retention(cluster, scene, first)
    say(f"retention: restic lists {_RETAINED} snapshots, the first one's record is gone")


def _compared() -> str:
    owners = "owners" if data.is_root() else "owners not compared, the demo is not run as root"
    return f"bytes, mode, mtime, symlinks, hard links, {owners}"


def _snapshot(scene: Scene, backup_session: str) -> str:
    return name(scene.snapshots_of(backup_session)[0])


def _await_backup(cluster: Cluster, scene: Scene, say: Say, what: str) -> None:
    started = time.monotonic()

    def finished() -> Json:
        for session in cluster.items(known.BACKUP_SESSIONS, scene.namespace):
            phase = session.get("status", {}).get("phase")
            if name(session) not in scene.backup_sessions and phase in _FINISHED:
                return session
        return None

    session = cluster.wait(what, finished)
    status = session["status"]
    if status["phase"] != "Succeeded":
        texts = [
            str(item.get("message") or item["reason"]) for item in status.get("conditions", [])
        ]
        raise DemoError(f"{what} {name(session)} is {status['phase']}: {'; '.join(texts)}")
    scene.backup_sessions.append(name(session))
    snapshot = scene.snapshots_of(name(session))[0]
    size = snapshot["status"]["components"]["dump"]["resticStats"][0]["summary"]["size"]
    say(f"{what}: {name(session)} Succeeded, {size}, {time.monotonic() - started:.1f} s")


def _next_tick(cluster: Cluster, scene: Scene) -> None:
    configuration = cluster.get(known.BACKUP_CONFIGURATIONS, scene.namespace, scene.configuration)
    cluster.move_clock_to(configuration["status"]["sessions"][0]["nextSchedule"])


def _restore(cluster: Cluster, scene: Scene, restore: str, claim: str, snapshot: str) -> None:
    cluster.apply(
        manifests.restore_session(
            scene.namespace,
            restore,
            claim=claim,
            repository=scene.repository,
            snapshot=snapshot,
            secret=scene.secret,
        )
    )

    def finished() -> Json:
        found = cluster.get(known.RESTORE_SESSIONS, scene.namespace, restore)
        return found if found.get("status", {}).get("phase") in _FINISHED else None

    status = cluster.wait(f"RestoreSession {restore}", finished)["status"]
    if status["phase"] != "Succeeded":
        texts = [str(item.get("message") or item["reason"]) for item in status["conditions"]]
        raise DemoError(f"{restore} is {status['phase']}: {'; '.join(texts)}")
    scene.restores.append(restore)


def _await_retention(cluster: Cluster, scene: Scene, gone: str) -> None:
    file = scene.bucket / scene.directory / "snapshots" / f"{gone}.yaml"

    def applied() -> bool:
        session = cluster.get(known.BACKUP_SESSIONS, scene.namespace, scene.backup_sessions[-1])
        results = session["status"].get("retentionPolicy", [])
        failed = [item for item in results if item.get("phase") == "FailedToApply"]
        if failed:
            raise DemoError(f"retention failed: {failed[0].get('error')}")
        objects = [name(item) for item in cluster.items(known.SNAPSHOTS, scene.namespace)]
        return bool(results) and gone not in objects and not file.exists()

    cluster.wait("retention", applied)
    listed = cluster.restic(scene.restic_repository, scene.password(), "snapshots")
    if len(listed) != _RETAINED:
        raise DemoError(f"restic lists {len(listed)} snapshots after retention")


def ready(cluster: Cluster, namespace: str, configuration: str) -> Callable[[], bool]:
    """A probe: is the BackupConfiguration Ready? It fails at once where it is Invalid."""

    def probe() -> bool:
        found = cluster.get(known.BACKUP_CONFIGURATIONS, namespace, configuration)
        phase = found.get("status", {}).get("phase")
        if phase == "Invalid":
            raise DemoError(str(condition(found, "ValidationPassed").get("message")))
        return bool(phase == "Ready")

    return probe
