"""``kubectl stashgen restore``: choose a restore point and a target, and build the manifest."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.meta import ObjectMeta
from stashgen.api.repository import Repository
from stashgen.api.restore_request import (
    LATEST,
    OnMissing,
    RestoreMode,
    RestoreRequest,
    RestoreRequestSpec,
    RestoreTarget,
)
from stashgen.api.shared import AddonInfo
from stashgen.api.snapshot import Phase
from stashgen.diagnostics import UsageError, quote
from stashgen.kubestash.addons import ADDON
from stashgen.kubestash.sessions import restore_addon, restore_session_manifest
from stashgen.yaml.emitter import emit
from stashgen_controller.kubectl.arguments import Command
from stashgen_controller.kubectl.lookup import Subject
from stashgen_controller.kubectl.snapshots import Point
from stashgen_controller.kubectl.text import age, moment
from stashgen_controller.listers.snapshots import why_not_all_back

# A RestoreRequest is never pruned: if it were added again, readers would take it for a new restore.
_KEPT = {
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
}
_NOT_AFTER = timedelta(hours=24)
_LONGEST_CLAIM = 30
_COMMENT = """\
# A restore: commit this file to a folder of the cluster's repository that is never pruned.
# It happens once, however often it is synced, and nothing starts at or after notAfter. For another
# restore, write a new file with a new nonce.
# To see the result: kubectl get restorerequest -n {namespace} {name}
"""


class NoPointError(Exception):
    """No restore point matches; the text describes the one that was requested."""


@dataclass(frozen=True, slots=True)
class Act:
    """A restore: what is restored, and into which volume.

    Attributes:
        point: None if the restore waits for one.
        snapshot: Its name, or ``latest`` if the restore waits for one.
    """

    namespace: str
    target: str
    repository: Repository
    snapshot: str
    point: Point | None


def choose(command: Command, subject: Subject, found: Sequence[Point]) -> Act:
    """The restore point that a command line selects.

    Args:
        command: The command line.
        subject: The owner of the restore points.
        found: The restore points, newest first.

    Raises:
        NoPointError: none matches.
        UsageError: the Repository is not one of the subject's.
    """
    repositories = {item.metadata.name: item for item in subject.repositories}
    if command.repository and command.repository not in repositories:
        known = ", ".join(repositories) or "none"
        raise UsageError(
            f"{subject.name} has no Repository {quote(command.repository)}; it has {known}"
        )
    wanted = [
        item
        for item in found
        if (item.phase is Phase.SUCCEEDED or (command.snapshot == item.name and item.is_restorable))
        and command.repository in {"", item.repository}
        and command.snapshot in {LATEST, item.name}
        and (command.as_of is None or item.time <= command.as_of)
    ]
    target = command.target or subject.claim
    incomplete = _not_all_back(command, subject)
    # Of the latest it is not known yet which one it is.
    wanted = [item for item in wanted if item.repository not in incomplete]
    if wanted:
        # Copies of one run have nearly the same time; the first one listed is used.
        point = wanted[0]
        return Act(subject.namespace, target, repositories[point.repository], point.name, point)
    if command.wait_for_snapshot and command.as_of is None and repositories:
        name = command.repository or next(iter(repositories))
        return Act(subject.namespace, target, repositories[name], command.snapshot, None)
    if incomplete:
        reason = next(iter(incomplete.values()))
        raise NoPointError(f"{reason}; wait for that, or name one with --snapshot")
    raise NoPointError(_nothing(command, subject))


def _not_all_back(command: Command, subject: Subject) -> dict[str, str]:
    """Why it is not known which Snapshot is the latest, by the name of the Repository."""
    found = {}
    for repository in subject.repositories:
        name = repository.metadata.name
        why = why_not_all_back(repository)
        if why is not None and command.snapshot == LATEST and command.repository in {"", name}:
            found[name] = why.text
    return found


def _nothing(command: Command, subject: Subject) -> str:
    what = "no good restore point"
    if command.snapshot != LATEST:
        what = f"no good restore point {quote(command.snapshot)}"
    if command.as_of is not None:
        what += f" taken by {moment(command.as_of)}"
    if command.repository:
        what += f" in {command.repository}"
    return f"{subject.name} has {what}"


def request(
    act: Act,
    command: Command,
    now: datetime,
    token: Callable[[], str] = lambda: secrets.token_hex(4),
) -> str:
    """The RestoreRequest as YAML, with a fresh nonce, ready to be committed."""
    stamp = f"{now:%Y%m%d-%H%M%S}"
    head = act.target.replace(".", "-")[:_LONGEST_CLAIM].rstrip("-")
    name = f"restore-{head}-{stamp}"
    made = RestoreRequest(
        metadata=ObjectMeta(name=name, namespace=act.namespace, annotations=_KEPT),
        spec=RestoreRequestSpec(
            nonce=f"{stamp}-{token()}",
            not_after=now + (command.not_after or _NOT_AFTER),
            repository=act.repository.metadata.name,
            snapshot=act.snapshot,
            target=RestoreTarget(name=act.target),
            mode=RestoreMode.ONLY_IF_EMPTY if command.only_if_empty else RestoreMode.OVERWRITE,
            on_missing=OnMissing.WAIT if command.wait_for_snapshot else OnMissing.FAIL,
            reason=command.reason or None,
        ),
    )
    comment = _COMMENT.format(name=name, namespace=act.namespace)
    return f"{comment}# {described(act, now)}\n{emit(made.to_wire())}"


def described(act: Act, now: datetime) -> str:
    """A one-line description of the restore."""
    into = f"into {act.namespace}/{act.target}"
    if act.point is None:
        return f"{act.snapshot} of {act.repository.metadata.name}, once it exists, {into}"
    size = f", {act.point.size}" if act.point.size else ""
    taken = f"of {moment(act.point.time)}, {age(act.point.time, now)} ago{size}"
    return f"{act.snapshot} ({taken}) {into}"


def restore_session(act: Act, subject: Subject, now: datetime) -> JsonObject:
    """The RestoreSession for a restore; its pod has the settings of the backup's pod."""
    repository = act.repository
    made_by = act.point.session if act.point is not None else None
    sessions = [
        item
        for item in (subject.configuration.spec.sessions if subject.configuration else ())
        if any(copy.name == repository.metadata.name for copy in item.repositories or ())
    ]
    sessions.sort(key=lambda item: item.name != made_by)
    backup = sessions[0].addon if sessions else None
    head = act.target.replace(".", "-")[:_LONGEST_CLAIM].rstrip("-")
    return restore_session_manifest(
        ObjectMeta(name=f"{head}-restore-{int(now.timestamp())}", namespace=act.namespace),
        repository=repository.metadata.name,
        snapshot=act.snapshot,
        encryption_secret=repository.spec.encryption_secret,
        target=act.target,
        addon=restore_addon(backup or AddonInfo(name=ADDON)),
    )


def users_of(pods: Sequence[JsonObject], claim: str) -> list[str]:
    """The names of pods that mount a claim and have not terminated, sorted."""
    found = []
    for pod in pods:
        spec = cast("JsonObject", pod.get("spec") or {})
        status = cast("JsonObject", pod.get("status") or {})
        metadata = cast("JsonObject", pod["metadata"])
        volumes = cast("list[JsonObject]", spec.get("volumes") or [])
        claims = {
            cast("JsonObject", volume.get("persistentVolumeClaim") or {}).get("claimName")
            for volume in volumes
        }
        if claim in claims and status.get("phase") not in {"Succeeded", "Failed"}:
            found.append(str(metadata["name"]))
    return sorted(found)
