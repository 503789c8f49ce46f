"""Advice on a failure: a short explanation and the next command for each error class."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from stashgen.diagnostics import printable
from stashgen_controller.protocol.run_result import ErrorClass

_CLASS = re.compile(rf"\b({'|'.join(item.value for item in ErrorClass)})\b")


@dataclass(frozen=True, slots=True)
class Place:
    """The names that the next command needs; unknown ones are empty.

    Attributes:
        into: The claim of a failed restore. The advice is to repeat the restore, never to back up:
            that would make the half-restored volume the newest restore point.
    """

    namespace: str
    name: str
    repository: str = ""
    storage: str = ""
    secret: str = ""
    pod: str = ""
    into: str = ""


@dataclass(frozen=True, slots=True)
class Advice:
    """The meaning of a failure and what to do next.

    Attributes:
        text: One or two sentences.
        command: With placeholders in braces; shown only if all of them are known.
    """

    text: str
    command: str


_AGAIN = "kubectl stashgen trigger {name} -n {namespace} --wait"
_LOOK = "kubectl stashgen status {name} -n {namespace}"
_LOG = "kubectl stashgen logs {name} -n {namespace}"
_STORAGE = "kubectl describe backupstorage {storage} -n {namespace}"
_SECRET = "kubectl describe secret {secret} -n {namespace}"  # noqa: S105 (a command)
_RESTORE = "kubectl stashgen restore {name} -n {namespace}"
_POD = "kubectl describe pod {pod} -n {namespace}"
_POINTS = "kubectl stashgen snapshots {name} -n {namespace}"

ADVICE: Mapping[ErrorClass, Advice] = {
    ErrorClass.LOCKED: Advice(
        "another restic process holds the lock. If its pod no longer exists, the next run removes "
        "the lock; nothing has to be unlocked manually.",
        _AGAIN,
    ),
    ErrorClass.WRONG_PASSWORD: Advice(
        "the key in the Secret is not the one that the repository was created with. Restore the "
        "old key; a new one cannot read the history.",
        _SECRET,
    ),
    ErrorClass.NO_REPOSITORY: Advice(
        "the restic repository that was here is missing. It will not be recreated: first check "
        "that bucket, prefix and credentials are the right ones.",
        _STORAGE,
    ),
    ErrorClass.NO_SPACE: Advice(
        "the storage is full. Older restore points are safe.",
        _STORAGE,
    ),
    ErrorClass.SCRATCH_FULL: Advice(
        "the pod's folder for temporary files is full. It needs a larger one, or less cache.", _POD
    ),
    ErrorClass.NO_BUCKET: Advice(
        "the bucket does not exist, or its name is wrong. It will not be recreated.", _STORAGE
    ),
    ErrorClass.ACCESS_DENIED: Advice(
        "the storage rejects the credentials: they are expired, rotated or lack write permission.",
        _STORAGE,
    ),
    ErrorClass.UNAVAILABLE: Advice(
        "the storage does not respond. The next run tries again; or start one when it is back.",
        _AGAIN,
    ),
    ErrorClass.SOURCE_INCOMPLETE: Advice(
        "some files of the volume could not be read. The restore point has all others and can be "
        "restored by its name. Run the Jobs as a user who may read them (job.runAs), or accept it "
        "(onUnreadable: warn).",
        _POINTS,
    ),
    ErrorClass.TARGET_FULL: Advice(
        "the volume that is restored into is too small. Enlarge it and restore again.", _RESTORE
    ),
    ErrorClass.TARGET_REFUSED: Advice(
        "the volume that is restored into did not take all of the data: it is read-only, damaged "
        "or belongs to another user. The storage is fine.",
        _RESTORE,
    ),
    ErrorClass.INTERRUPTED: Advice(
        "the pod was stopped, for example by a drained node. The next run continues.", _AGAIN
    ),
    ErrorClass.SECRET_MISSING: Advice(
        "a Secret is missing or lacks a key. The next run finds it once it exists, without a "
        "restart.",
        _SECRET,
    ),
    ErrorClass.RESTORE_EXPECTED: Advice(
        "the storage holds the history of another volume or cluster. Nothing is backed up on top "
        "of it until it has been restored into this volume, or until its policy acknowledges "
        "that this volume begins without it.",
        _RESTORE,
    ),
    ErrorClass.NO_SNAPSHOT: Advice("no restore point matches. To list them:", _POINTS),
    ErrorClass.DEADLINE_EXCEEDED: Advice(
        "the run took longer than its timeout. Uploaded data is kept, so the next run has less to "
        "do; if this happens again, the timeout is too short.",
        _AGAIN,
    ),
    ErrorClass.INVALID_BUCKET: Advice(
        "the storage holds records of another repository. Find out who else writes there.",
        _STORAGE,
    ),
    ErrorClass.REPOSITORY_DAMAGED: Advice(
        "restic found damage in the repository. Do not prune; leave the storage unchanged, and "
        "check the copies elsewhere. Once it is repaired, acknowledge it in the policy.",
        _POINTS,
    ),
    ErrorClass.RETENTION_HELD: Advice(
        "retention needs a decision: a clock is wrong, or the volume lost half of its data. "
        "Backups continue and nothing is removed.",
        _POINTS,
    ),
    ErrorClass.CREATE_ONLY_IGNORED: Advice(
        "the storage no longer refuses to overwrite records: restores could run twice. Find out "
        "what changed about the server; it must honour If-None-Match.",
        _STORAGE,
    ),
    ErrorClass.RECORD_EXISTS: Advice(
        "another backup of this name is recorded already and stays; the next session has a name "
        "of its own. Of a restore: its RestoreSession began to write before and did not finish; "
        "create another one.",
        _AGAIN,
    ),
    ErrorClass.NONCE_REUSED: Advice(
        "the storage already has a record of another restore with this nonce. For a new restore, "
        "write a new file with a new nonce.",
        _RESTORE,
    ),
    ErrorClass.NOT_EMPTY: Advice(
        "the volume contains files, but the restore requires an empty one. Empty it, choose "
        "another claim (--to), or overwrite.",
        _RESTORE,
    ),
    ErrorClass.EXPIRED: Advice(
        "the restore was synced too late. Write a new file with a new nonce.", _RESTORE
    ),
    ErrorClass.RESTIC_TOO_OLD: Advice(
        "the image's restic is too old: the pods run a different image than the controller.",
        _LOOK,
    ),
    ErrorClass.INTERNAL: Advice("the worker failed unexpectedly. The log has details.", _LOG),
    ErrorClass.OUT_OF_MEMORY: Advice(
        "the pod exceeded the memory limit of its reviewed PodTemplate.", _POD
    ),
    ErrorClass.EVICTED: Advice(
        "the node evicted the pod, for lack of memory or disk space. The next run continues.",
        _AGAIN,
    ),
    ErrorClass.EXECUTOR_LOST: Advice(
        "the Job was deleted while it was running. A backup run is lost; a restore may have been "
        "written partially.",
        _AGAIN,
    ),
    ErrorClass.UNSCHEDULABLE: Advice(
        "the pod did not start: no node has room for it, or its volume is attached to another one.",
        _POD,
    ),
    ErrorClass.NODE_LOST: Advice(
        "the pod had to end and its node does not say that it did. If the machine is off, delete "
        "its Node object; restic's lock is taken over half an hour after its last sign of life.",
        _POD,
    ),
    ErrorClass.KILLED: Advice(
        "the container ended without reporting a result. Its log may have details.", _LOG
    ),
}


def cause_of(text: str) -> ErrorClass | None:
    """The error class that a reason names first."""
    match = _CLASS.search(text)
    return ErrorClass(match[1]) if match is not None else None


def next_command(why: str, place: Place) -> str:
    """The next command to run for a reason, without unknown placeholders.

    It is meant to be copied, and not every name in it was validated by the API server (a
    RestoreSession's target), so each name is quoted as one shell word.
    """
    cause = cause_of(why)
    values = {
        "name": _word(place.name),
        "namespace": _word(place.namespace),
        "repository": _word(place.repository),
        "storage": _word(place.storage),
        "secret": _word(place.secret),
        "pod": _word(place.pod),
        "into": _word(place.into),
    }
    command = ADVICE[cause].command if cause is not None else _LOOK
    if place.into and command in {_AGAIN, _RESTORE}:
        command = _RESTORE if place.into == place.name else f"{_RESTORE} --to {{into}}"
    for shown in (command, _LOOK):
        if all(values[item] for item in re.findall(r"{(\w+)}", shown)):
            return shown.format(**values)
    return f"kubectl stashgen status -n {place.namespace}"


def _word(name: str) -> str:
    return shlex.quote(printable(name)) if name else ""
