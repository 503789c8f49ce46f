"""The 21 steps of the seed: what has to be true of each, read back at that moment.

15 steps of a backup and 6 of a restore, in the order of KubeStash's own overview. Where our design
differs from KubeStash's, the proof is what takes its place (no finalizers, no owner of a Snapshot,
the key Secret for a local storage).
"""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from stashgen.api import resources as known
from stashgen.api.addon import Addon
from stashgen.api.function import Function
from stashgen.api.shared import TaskReference
from stashgen.kubestash.pods.arguments import ADDED
from stashgen.kubestash.pods.templates import find_task
from stashgen.kubestash.verbs import Verb
from stashgen.yaml.documents import read_documents
from tools.acceptance.view import DemoError, Json, View, condition, name


class NotProvedError(Exception):
    """What a step claims is not so."""


@dataclass(slots=True)
class Scene:
    """One run of the scenario: its names, and what has happened so far.

    Attributes:
        bucket: The folder that has the storage's files.
        address: The same as restic is told of it.
        credentials: The Secret of a storage in a bucket; a volume needs none.
    """

    view: View
    namespace: str
    storage: str
    bucket: Path
    address: str
    configuration: str
    session: str
    repository: str
    directory: str
    claim: str
    secret: str
    is_rendered: bool
    credentials: str | None = None
    backup_sessions: list[str] = field(default_factory=list)
    restores: list[str] = field(default_factory=list)
    equal: list[str] = field(default_factory=list)

    @property
    def restic_repository(self) -> str:
        """The session's restic repository."""
        return f"{self.address}/{self.directory}/repository/v1/{self.session}/dump"

    def password(self) -> str:
        """The key in the Secret."""
        secret = self.view.get(known.SECRETS, self.namespace, self.secret)
        return base64.b64decode(secret["data"]["RESTIC_PASSWORD"]).decode()

    def snapshots_of(self, backup_session: str) -> list[Json]:
        """The Snapshots of a session."""
        items = self.view.items(known.SNAPSHOTS, self.namespace)
        return [item for item in items if item["spec"]["backupSession"] == backup_session]


def _check(holds: object, what: str) -> None:
    if not holds:
        raise NotProvedError(what)


def _get(scene: Scene, resource: known.Resource, wanted: str) -> Json:
    return scene.view.get(resource, scene.namespace, wanted)


def _yaml(path: Path) -> Json:
    _check(path.is_file(), f"{path.name} is not in the storage")
    documents = read_documents(path.read_bytes(), PurePosixPath(path.name)).value
    _check(len(documents) == 1, f"{path.name} is not one YAML document")
    return documents[0].data


def _b1(scene: Scene) -> str:
    secret = _get(scene, known.SECRETS, scene.secret)
    _check("RESTIC_PASSWORD" in secret["data"], "no RESTIC_PASSWORD")
    repository = _get(scene, known.REPOSITORIES, scene.repository)
    opened = condition(repository, "RepositoryInitialized")
    _check(opened.get("status") == "True", "no repository was opened with it")
    if scene.credentials is not None:
        keys = _get(scene, known.SECRETS, scene.credentials)["data"].keys()
        _check(keys >= {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}, "no keys of the bucket")
    return f"Secret/{scene.secret} data.RESTIC_PASSWORD; it opened Repository/{scene.repository}"


def _b2(scene: Scene) -> str:
    storage = _get(scene, known.BACKUP_STORAGES, scene.storage)
    provider = storage["spec"]["storage"]["provider"]
    return f"BackupStorage/{scene.storage} spec.storage.provider={provider}"


def _b3(scene: Scene) -> str:
    storage = _get(scene, known.BACKUP_STORAGES, scene.storage)
    _check(storage["status"]["phase"] == "Ready", "the phase is not Ready")
    reason = condition(storage, "BackendInitialized").get("reason")
    _check(reason == "BackendInitializationSucceeded", f"BackendInitialized: {reason}")
    _check(_yaml(scene.bucket / "metadata.yaml")["kind"] == "BackendMeta", "no BackendMeta")
    return f"{scene.bucket.name}/metadata.yaml kind=BackendMeta; status.phase=Ready"


def _b4(scene: Scene) -> str:
    spec = _get(scene, known.BACKUP_CONFIGURATIONS, scene.configuration)["spec"]
    session = spec["sessions"][0]
    task = session["addon"]["tasks"][0]["name"]
    _check(spec["target"]["name"] == scene.claim, "another target")
    _check(session["repositories"][0]["name"] == scene.repository, "another repository")
    return f"spec.target={scene.claim}, repositories={scene.repository}, task={task}"


def _b5(scene: Scene) -> str:
    configuration = _get(scene, known.BACKUP_CONFIGURATIONS, scene.configuration)
    status = configuration["status"]
    passed = condition(configuration, "ValidationPassed")
    _check(passed.get("status") == "True", f"ValidationPassed: {passed.get('message')}")
    _check(status["targetFound"], "the target was not found")
    _check(all(item["found"] for item in status["dependencies"]), "the Addon was not found")
    _check(status["phase"] == "Ready", f"phase {status['phase']}")
    return f"conditions ValidationPassed=True, targetFound, Addon found, phase={status['phase']}"


def _b6(scene: Scene) -> str:
    spec = _get(scene, known.REPOSITORIES, scene.repository)["spec"]
    _check(spec["appRef"]["name"] == scene.claim, "another target")
    _check(spec["storageRef"]["name"] == scene.storage, "another storage")
    _check(spec["path"].strip("/") == scene.directory, "another directory")
    made = "from git" if scene.is_rendered else "made by the controller"
    return f"Repository/{scene.repository} spec.path={spec['path']}, {made}"


def _b7(scene: Scene) -> str:
    repository = _get(scene, known.REPOSITORIES, scene.repository)
    _check(repository["status"]["phase"] == "Ready", "the phase is not Ready")
    file = _yaml(scene.bucket / scene.directory / "repository.yaml")
    _check(file["metadata"]["name"] == scene.repository, "of another Repository")
    paths = repository["status"]["componentPaths"]
    return f"{scene.directory}/repository.yaml; status.phase=Ready, componentPaths={paths}"


def _b8(scene: Scene) -> str:
    configuration = _get(scene, known.BACKUP_CONFIGURATIONS, scene.configuration)
    cron_job = _get(scene, known.CRON_JOBS, f"trigger-{scene.configuration}-{scene.session}")
    wanted = configuration["spec"]["sessions"][0]["scheduler"]["schedule"]
    _check(cron_job["spec"]["schedule"] == wanted, "another schedule")
    _check(not cron_job["spec"]["suspend"], "it is suspended")
    session = configuration["status"]["sessions"][0]
    ensured = condition(configuration, "SchedulerEnsured", at=session)
    _check(ensured.get("status") == "True", "SchedulerEnsured is not True")
    return f'CronJob/{name(cron_job)} spec.schedule="{wanted}"'


def _b9(scene: Scene) -> str:
    session = _get(scene, known.BACKUP_SESSIONS, scene.backup_sessions[-1])
    cron_job = f"trigger-{scene.configuration}-{scene.session}"
    unix = int(name(session).rpartition("-")[2])
    job = _get(scene, known.JOBS, f"{cron_job}-{unix // 60}")
    owner = job["metadata"]["ownerReferences"][0]
    _check((owner["kind"], owner["name"]) == ("CronJob", cron_job), "not the CronJob's Job")
    _check(session["spec"]["invoker"]["name"] == scene.configuration, "another invoker")
    return f"Job/{name(job)} of the CronJob created BackupSession/{name(session)}"


def _b10(scene: Scene) -> str:
    session = _get(scene, known.BACKUP_SESSIONS, scene.backup_sessions[-1])
    ensured = condition(session, "SnapshotsEnsured")
    _check(ensured.get("status") == "True", "SnapshotsEnsured is not True")
    patch = {"spec": {"session": "another"}}
    why = scene.view.refusal(known.BACKUP_SESSIONS, scene.namespace, name(session), patch)
    _check(why is not None, "the spec could be changed")
    _check("spec can not be updated" in (why or ""), why or "")
    return f"status.phase={session['status']['phase']}; a patch of its spec is refused"


def _b11(scene: Scene) -> str:
    session = _get(scene, known.BACKUP_SESSIONS, scene.backup_sessions[-1])
    snapshots = scene.snapshots_of(name(session))
    _check(len(snapshots) == session["status"]["totalSnapshots"] == 1, "not one a Repository")
    snapshot = snapshots[0]
    labels = snapshot["metadata"]["labels"]
    _check(labels["kubestash.com/repo-name"] == scene.repository, "of another repository")
    _check(re.fullmatch("[0-9A-Z]{26}", snapshot["spec"]["snapshotID"]), "no ULID")
    return f"Snapshot/{name(snapshot)} snapshotID={snapshot['spec']['snapshotID']}"


def _b12(scene: Scene) -> str:
    session = _get(scene, known.BACKUP_SESSIONS, scene.backup_sessions[-1])
    ensured = condition(session, "BackupExecutorEnsured")
    _check(ensured.get("status") == "True", "BackupExecutorEnsured is not True")
    job = _get(scene, known.JOBS, name(scene.snapshots_of(name(session))[0]))
    return _resolved(scene, job, "logical-backup", Verb.BACKUP)


def _resolved(scene: Scene, job: Json, task: str, verb: Verb) -> str:
    """The Job's container is what Addon and Function say."""
    addon = Addon.from_wire(scene.view.get(known.ADDONS, None, "pvc-addon"))
    found = find_task(addon, TaskReference(name=task), verb)
    function = Function.from_wire(scene.view.get(known.FUNCTIONS, None, found.function or ""))
    container = job["spec"]["template"]["spec"]["containers"][0]
    wanted = {arg.partition("=")[0] for arg in function.spec.args or ()}
    wanted |= {f"--{flag}" for flag in ADDED}
    used = [arg.partition("=")[0] for arg in container["args"]]
    _check(container["name"] == f"{task}-0", "another task")
    _check(used[0] == verb and set(used) <= wanted, "arguments that the Function has not")
    _check(container["command"] == list(function.spec.command or ()), "another command")
    return f"Addon/pvc-addon {task} -> Function/{found.function} -> args[0]={used[0]}"


def _b13(scene: Scene) -> str:
    snapshot = scene.snapshots_of(scene.backup_sessions[-1])[0]
    job = _get(scene, known.JOBS, name(snapshot))
    mount = _data_mount(job, scene.claim)
    _check(mount.get("readOnly") is True, "the volume is mounted read-write")
    return f"Job/{name(job)} mounts {scene.claim} at {mount['mountPath']} read-only"


def _data_mount(job: Json, claim: str) -> Json:
    spec = job["spec"]["template"]["spec"]
    volume = next(item for item in spec["volumes"] if item["name"] == "kubestash-data-volume")
    _check(volume["persistentVolumeClaim"]["claimName"] == claim, "another claim")
    mounts = spec["containers"][0]["volumeMounts"]
    return next(item for item in mounts if item["name"] == "kubestash-data-volume")


def _b14(scene: Scene) -> str:
    snapshot = scene.snapshots_of(scene.backup_sessions[-1])[0]
    job = _get(scene, known.JOBS, name(snapshot))
    _check(condition(job, "Complete").get("status") == "True", "the Job is not complete")
    listed = scene.view.restic(scene.restic_repository, scene.password(), "snapshots")
    ids = {item["id"]: item for item in listed}
    id_ = _summary(snapshot)["id"]
    _check(id_ in ids, "restic does not list it")
    _check(ids[id_]["hostname"] == "host-0", "another host")
    _check(ids[id_]["paths"] == ["/kubestash-data"], "other paths")
    return f"restic snapshots lists {id_[:8]} of host-0:/kubestash-data"


def _summary(snapshot: Json) -> Json:
    return snapshot["status"]["components"]["dump"]["resticStats"][0]["summary"]


def _b15(scene: Scene) -> str:
    session = _get(scene, known.BACKUP_SESSIONS, scene.backup_sessions[-1])
    snapshot = scene.snapshots_of(name(session))[0]
    component = snapshot["status"]["components"]["dump"]
    _check(component["phase"] == "Succeeded", f"component {component['phase']}")
    _check(session["status"]["phase"] == "Succeeded", f"phase {session['status']['phase']}")
    file = scene.bucket / scene.directory / "snapshots" / f"{name(snapshot)}.yaml"
    recorded = _yaml(file)["status"]["components"]["dump"]
    _check(recorded["phase"] == "Succeeded", "the YAML in the storage says something else")
    return f"components.dump Succeeded, {_summary(snapshot)['size']}; BackupSession phase=Succeeded"


def _r1(scene: Scene) -> str:
    restore = _get(scene, known.RESTORE_SESSIONS, scene.restores[0])
    source = restore["spec"]["dataSource"]
    return f"RestoreSession/{name(restore)} dataSource.snapshot={source['snapshot'][-20:]}"


def _r2(scene: Scene) -> str:
    for item in scene.restores:
        restore = _get(scene, known.RESTORE_SESSIONS, item)
        passed = condition(restore, "ValidationPassed")
        _check(passed.get("status") == "True", f"{item}: {passed.get('message')}")
    return f"ValidationPassed=True on {', '.join(scene.restores)}"


def _r3(scene: Scene) -> str:
    restore = _get(scene, known.RESTORE_SESSIONS, scene.restores[0])
    ensured = condition(restore, "RestoreExecutorEnsured")
    _check(ensured.get("status") == "True", f"RestoreExecutorEnsured: {ensured}")
    _check(
        all(item["found"] for item in restore["status"]["dependencies"]), "a dependency is missing"
    )
    job = _get(scene, known.JOBS, name(restore))
    return _resolved(scene, job, "logical-backup-restore", Verb.RESTORE)


def _r4(scene: Scene) -> str:
    claims = []
    for item in scene.restores:
        restore = _get(scene, known.RESTORE_SESSIONS, item)
        claim = restore["spec"]["target"]["name"]
        mount = _data_mount(_get(scene, known.JOBS, item), claim)
        _check(not mount.get("readOnly"), "the volume is mounted read-only")
        claims.append(claim)
    return f"Jobs mount {', '.join(claims)} at /kubestash-data"


def _r5(scene: Scene) -> str:
    _check(len(scene.equal) == len(scene.restores), "not every restore was compared")
    return "; ".join(scene.equal)


def _r6(scene: Scene) -> str:
    for item in scene.restores:
        status = _get(scene, known.RESTORE_SESSIONS, item)["status"]
        _check(status["phase"] == "Succeeded", f"{item}: {status['phase']}")
        _check(status["components"]["dump"]["phase"] == "Succeeded", f"{item}: component")
    return f"status.phase=Succeeded on {', '.join(scene.restores)}"


STEPS: tuple[tuple[str, str, Callable[[Scene], str]], ...] = (
    ("B1", "the Secret of the storage is there", _b1),
    ("B2", "BackupStorage", _b2),
    ("B3", "the storage is initialised", _b3),
    ("B4", "BackupConfiguration", _b4),
    ("B5", "it is watched", _b5),
    ("B6", "Repository", _b6),
    ("B7", "the repository is initialised", _b7),
    ("B8", "CronJob with the schedule", _b8),
    ("B9", "the CronJob creates a BackupSession", _b9),
    ("B10", "it is watched", _b10),
    ("B11", "a Snapshot per Repository", _b11),
    ("B12", "Addon and Function become a Job", _b12),
    ("B13", "the volume is mounted in the Job", _b13),
    ("B14", "the Job backs up", _b14),
    ("B15", "the Job updates the statuses", _b15),
    ("R1", "RestoreSession", _r1),
    ("R2", "it is watched", _r2),
    ("R3", "Addon and Function become a restore Job", _r3),
    ("R4", "the volume is mounted, the Job is made", _r4),
    ("R5", "the data is restored", _r5),
    ("R6", "the Job updates the phase", _r6),
)


# What a proof raises where the step is not so.
NOT_PROVED = (NotProvedError, DemoError, LookupError, ValueError, StopIteration)


def prove(scene: Scene) -> int:
    """Print a line for each step; returns how many are proved."""
    proved = 0
    for step, title, proof in STEPS:
        try:
            text = proof(scene)
        except NOT_PROVED as error:
            print(f"  {step:<4} NOT PROVED  {title}: {error!r}", flush=True)
            continue
        proved += 1
        print(f"  {step:<4} {title:<40} {text}", flush=True)
    return proved
