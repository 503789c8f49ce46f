"""What to do about a failure: one sentence for each class of errors, and the next command."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from stashgen.diagnostics import printable
from stashgen_controller.protocol.run_result import ErrorClass

_CLASS = re.compile(rf"\b({'|'.join(item.value for item in ErrorClass)})\b")


@dataclass(frozen=True, slots=True)
class Place:
    """What the next command is about; an empty text where it is not known.

    Attributes:
        into: The claim of the restore that failed. What is tried again is a restore into it, never
            a backup: that would make the half-restored volume the newest restore point.
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
    """What a failure means and what to do next.

    Attributes:
        text: A sentence.
        command: With places in braces; only one whose places are all known is shown.
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
        "another restic process holds the lock. A lock whose pod is gone is removed by the next "
        "run; nothing has to be unlocked by hand.",
        _AGAIN,
    ),
    ErrorClass.WRONG_PASSWORD: Advice(
        "the key in the Secret is not the one that the repository was made with. Put the old key "
        "back; a new one cannot read the history.",
        _SECRET,
    ),
    ErrorClass.NO_REPOSITORY: Advice(
        "there is no restic repository where one was. It is not made anew: look whether bucket, "
        "prefix and credentials are the right ones before anything else.",
        _STORAGE,
    ),
    ErrorClass.NO_SPACE: Advice(
        "a disk is full: the storage's, or the pod's scratch space. Older restore points are safe.",
        _STORAGE,
    ),
    ErrorClass.NO_BUCKET: Advice(
        "the bucket does not exist, or its name is wrong. It is not made anew.", _STORAGE
    ),
    ErrorClass.ACCESS_DENIED: Advice(
        "the storage refuses the credentials: expired, rotated, or without the right to write.",
        _STORAGE,
    ),
    ErrorClass.UNAVAILABLE: Advice(
        "the storage does not answer. The next run tries again; or start one when it is back.",
        _AGAIN,
    ),
    ErrorClass.SOURCE_INCOMPLETE: Advice(
        "some files of the volume could not be read. The log names them.", _LOG
    ),
    ErrorClass.INTERRUPTED: Advice(
        "the pod was told to stop: a drained node, a deleted pod. The next run goes on.", _AGAIN
    ),
    ErrorClass.SECRET_MISSING: Advice(
        "a Secret is not there, or lacks a key. Once it is, the next run finds it; no restart.",
        _SECRET,
    ),
    ErrorClass.RESTORE_EXPECTED: Advice(
        "the storage holds the history of another volume or cluster. Nothing is backed up over it "
        "until it was restored into this volume.",
        _RESTORE,
    ),
    ErrorClass.NO_SNAPSHOT: Advice("no restore point matches. These are there:", _POINTS),
    ErrorClass.DEADLINE_EXCEEDED: Advice(
        "the run took longer than its timeout. What was uploaded is not lost, so the next run has "
        "less to do; if it happens again, the timeout is too short.",
        _AGAIN,
    ),
    ErrorClass.INVALID_BUCKET: Advice(
        "the storage holds records that are not this repository's. Look who else writes there.",
        _STORAGE,
    ),
    ErrorClass.REPOSITORY_DAMAGED: Advice(
        "restic found damage in the repository. Do not prune; keep the storage as it is, and check "
        "the copies elsewhere.",
        _POINTS,
    ),
    ErrorClass.RETENTION_HELD: Advice(
        "retention waits for a person: the clock went back, or the volume lost half of its bytes. "
        "Backups go on and nothing is removed.",
        _POINTS,
    ),
    ErrorClass.NONCE_REUSED: Advice(
        "the nonce of this restore names another one in the bucket's records. A new restore is a "
        "new file with a new nonce.",
        _RESTORE,
    ),
    ErrorClass.NOT_EMPTY: Advice(
        "the volume has files, and the restore may go into an empty one only. Empty it, choose "
        "another claim (--to), or overwrite.",
        _RESTORE,
    ),
    ErrorClass.EXPIRED: Advice(
        "the restore was synced too late. A new one is a new file with a new nonce.", _RESTORE
    ),
    ErrorClass.RESTIC_TOO_OLD: Advice(
        "the image's restic is too old: the pods run another image than the controller.",
        _LOOK,
    ),
    ErrorClass.INTERNAL: Advice("the worker met something unexpected. The log says more.", _LOG),
    ErrorClass.OUT_OF_MEMORY: Advice(
        "the pod needed more memory than the limit in its reviewed PodTemplate.", _POD
    ),
    ErrorClass.EVICTED: Advice(
        "the node took the pod away, for want of memory or disk. The next run goes on.", _AGAIN
    ),
    ErrorClass.EXECUTOR_LOST: Advice(
        "the Job was deleted while it ran. Of a backup that run is lost; a restore may have "
        "written a part.",
        _AGAIN,
    ),
    ErrorClass.UNSCHEDULABLE: Advice(
        "the pod did not start: no node has room for it, or its volume is held by another node.",
        _POD,
    ),
    ErrorClass.KILLED: Advice("the container ended without a word. Its log may say more.", _LOG),
}


def cause_of(text: str) -> ErrorClass | None:
    """The class of errors that a reason names first."""
    match = _CLASS.search(text)
    return ErrorClass(match[1]) if match is not None else None


def next_command(why: str, place: Place) -> str:
    """The next command to run about a reason; one whose places are all known.

    It is there to be copied, and not every name in it was checked by the API server (a
    RestoreSession's target): the shell gets each as one word.
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
