"""``kubectl stashgen restore``: which restore point goes where, and the manifest that says so."""

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

# A restore in git is never pruned: pruned and added again it would be another act to a reader.
_KEPT = {
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
}
_NOT_AFTER = timedelta(hours=24)
_LONGEST_CLAIM = 30
_COMMENT = """\
# A restore: commit it into a folder of the cluster's repository that is never pruned.
# It happens once, however often it is synced; nothing starts at or after notAfter. Another restore
# is another file with another nonce. How it went: kubectl get restorerequest -n {namespace} {name}
"""


class NoPointError(Exception):
    """No restore point matches; the text says which was looked for."""


@dataclass(frozen=True, slots=True)
class Act:
    """What is restored where to.

    Attributes:
        point: None where one is waited for.
        snapshot: Its name, or ``latest`` where one is waited for.
    """

    namespace: str
    target: str
    repository: Repository
    snapshot: str
    point: Point | None


def choose(command: Command, subject: Subject, found: Sequence[Point]) -> Act:
    """The restore point that a command line means.

    Args:
        command: The command line.
        subject: Whose restore points.
        found: They, newest first.

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
        if item.phase is Phase.SUCCEEDED
        and command.repository in {"", item.repository}
        and command.snapshot in {LATEST, item.name}
        and (command.as_of is None or item.time <= command.as_of)
    ]
    target = command.target or subject.claim
    if wanted:
        # Copies of one run have nearly one time: the first Repository of the configuration wins.
        point = wanted[0]
        return Act(subject.namespace, target, repositories[point.repository], point.name, point)
    if command.wait_for_snapshot and command.as_of is None and repositories:
        name = command.repository or next(iter(repositories))
        return Act(subject.namespace, target, repositories[name], command.snapshot, None)
    raise NoPointError(_nothing(command, subject))


def _nothing(command: Command, subject: Subject) -> str:
    what = "no good restore point"
    if command.snapshot != LATEST:
        what = f"no good restore point {quote(command.snapshot)}"
    if command.as_of is not None:
        what += f" that was taken by {moment(command.as_of)}"
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
    """The act in a sentence."""
    into = f"into {act.namespace}/{act.target}"
    if act.point is None:
        return f"{act.snapshot} of {act.repository.metadata.name}, once it is there, {into}"
    size = f", {act.point.size}" if act.point.size else ""
    taken = f"of {moment(act.point.time)}, {age(act.point.time, now)} ago{size}"
    return f"{act.snapshot} ({taken}) {into}"


def restore_session(act: Act, subject: Subject, now: datetime) -> JsonObject:
    """The RestoreSession of an act; its pod runs as that of the backup does."""
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
    """The pods that have a claim mounted and have not ended, in the namespace."""
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
