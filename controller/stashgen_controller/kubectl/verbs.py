"""The verbs: each reads the cluster, writes its result and returns the exit code."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import assert_never

from stashgen.api.base import JsonObject
from stashgen.api.resources import (
    BACKUP_SESSIONS,
    PERSISTENT_VOLUME_CLAIMS,
    PODS,
    RESTORE_SESSIONS,
)
from stashgen.diagnostics import ExitCode, ToolError, UsageError
from stashgen_controller.kube.client import ApiError, NotFoundError
from stashgen_controller.kubectl.api_reader import Cluster, failure
from stashgen_controller.kubectl.arguments import Command
from stashgen_controller.kubectl.console import Console
from stashgen_controller.kubectl.lookup import Subject, find
from stashgen_controller.kubectl.restore import (
    NoPointError,
    choose,
    described,
    request,
    restore_session,
    users_of,
)
from stashgen_controller.kubectl.snapshots import points, points_json, points_text
from stashgen_controller.kubectl.status.overview import overview
from stashgen_controller.kubectl.status.overview_text import as_json, overview_text
from stashgen_controller.kubectl.status.view import View
from stashgen_controller.kubectl.status.volume import detail
from stashgen_controller.kubectl.status.volume_text import detail_json, detail_text
from stashgen_controller.kubectl.trigger import NothingToRunError, create_session
from stashgen_controller.kubectl.wait import Follower


@dataclass(frozen=True, slots=True)
class Session:
    """The context of a verb."""

    command: Command
    cluster: Cluster
    console: Console
    now: datetime


def run_verb(given: Session) -> int:
    """Run the verb of a command line.

    Raises:
        StashgenError: wrong usage, or no access to the cluster.
    """
    match given.command.verb:
        case "status":
            return _status_of(given) if given.command.name else _status(given)
        case "snapshots":
            return _snapshots(given)
        case "trigger":
            return _trigger(given)
        case "restore":
            return _restore(given)
        case "logs":
            return _logs(given)
        case _:
            assert_never(given.command.verb)


def _status(given: Session) -> int:
    cluster, console, command = given.cluster, given.console, given.command
    found = overview(cluster, given.now)
    if found.is_empty:
        cluster.require_namespace()
    if command.as_json:
        _write_json(console, as_json(found, cluster.namespace, given.now, cluster.notes))
    else:
        console.write(
            overview_text(found, cluster.namespace, given.now, console, is_full=command.is_full)
        )
    _say_notes(given)
    return ExitCode.OK if found.is_well else ExitCode.FINDINGS


def _status_of(given: Session) -> int:
    view = View(given.cluster, given.now)
    found = detail(view, find(given.cluster, given.command.name))
    if given.command.as_json:
        _write_json(given.console, detail_json(found, view, given.cluster.notes))
    else:
        given.console.write(detail_text(found, view, given.console))
    _say_notes(given)
    return ExitCode.FINDINGS if found.problems else ExitCode.OK


def _snapshots(given: Session) -> int:
    chosen = [find(given.cluster, given.command.name)] if given.command.name else None
    found = points(given.cluster, chosen, given.now)
    if given.command.as_json:
        _write_json(given.console, points_json(found))
    elif found:
        everywhere = given.cluster.namespace is None
        given.console.write(
            points_text(found, given.now, given.console.width, with_namespace=everywhere)
        )
    else:
        given.cluster.require_namespace()
        given.console.say("no restore points found")
    _say_notes(given)
    return ExitCode.OK if found else ExitCode.FINDINGS


def _trigger(given: Session) -> int:
    subject = find(given.cluster, given.command.name)
    try:
        made = create_session(given.cluster, subject, given.command.session, given.now)
    except NothingToRunError as error:
        given.console.say(f"{error}; nothing was created")
        return ExitCode.FINDINGS
    name = made.metadata.name
    if not given.command.wait:
        given.console.write(f"backupsession/{name} created")
        return ExitCode.OK
    given.console.say(f"backupsession/{name} created")
    return _follower(given).follow(BACKUP_SESSIONS, subject.namespace, name)


def _restore(given: Session) -> int:
    command = given.command
    _refuse_odd_flags(command)
    subject = find(given.cluster, command.name)
    try:
        act = choose(command, subject, points(given.cluster, [subject], given.now))
    except NoPointError as error:
        given.console.say(
            f"{error}; list them with: kubectl stashgen snapshots {subject.name} "
            f"-n {subject.namespace}"
        )
        return ExitCode.FINDINGS
    _say_about_target(given, act.namespace, act.target)
    if command.now:
        return _restore_now(given, subject, restore_session(act, subject, given.now), act.target)
    text = request(act, command, given.now)
    if command.file is None:
        given.console.write(text)
    else:
        _write_new(command.file, text)
        given.console.say(f"{command.file}: {described(act, given.now)}; commit it")
    return ExitCode.OK


def _refuse_odd_flags(command: Command) -> None:
    for_git = {
        "--file": command.file is not None,
        "--not-after": command.not_after is not None,
        "--only-if-empty": command.only_if_empty,
        "--wait-for-snapshot": command.wait_for_snapshot,
        "--reason": bool(command.reason),
    }
    odd = [flag for flag, is_given in for_git.items() if is_given]
    if command.now and odd:
        applies = "applies" if len(odd) == 1 else "apply"
        raise UsageError(
            f"{', '.join(odd)} {applies} only to RestoreRequests and cannot be combined with --now"
        )
    if command.wait and not command.now:
        raise UsageError("--wait requires --now: a RestoreRequest starts when it is synced")


def _say_about_target(given: Session, namespace: str, claim: str) -> None:
    cluster, console = given.cluster, given.console
    if not cluster.has(PERSISTENT_VOLUME_CLAIMS, namespace, claim):
        console.say(
            f"note: PersistentVolumeClaim {claim} does not exist; the restore will wait for it"
        )
    users = users_of(cluster.stored_items(PODS, namespace), claim)
    if users:
        console.say(f"note: pods use the volume during the restore: {', '.join(users)}")


def _restore_now(given: Session, subject: Subject, manifest: JsonObject, target: str) -> int:
    client = given.cluster.client
    try:
        made = client.create(RESTORE_SESSIONS, subject.namespace, manifest)
    except ApiError as error:
        raise failure(error) from error
    metadata = made["metadata"]
    name = str(metadata["name"]) if isinstance(metadata, dict) else ""
    if not given.command.wait:
        given.console.write(f"restoresession/{name} created")
        return ExitCode.OK
    given.console.say(f"restoresession/{name} created; restoring into {target}")
    return _follower(given).follow(RESTORE_SESSIONS, subject.namespace, name)


def _logs(given: Session) -> int:
    cluster = given.cluster
    subject = find(cluster, given.command.name)
    seen = detail(View(cluster, given.now), subject)
    newest, pod = seen.pod, seen.logged
    _say_notes(given)
    if newest is not None and newest != pod:
        given.console.say(f"pod {newest.name} of Job {newest.job} has not started: {newest.state}")
    if pod is None and newest is not None:
        return ExitCode.FINDINGS
    if pod is None:
        given.console.say(
            f"no pod of {subject.name} exists any more; see its state with: kubectl stashgen "
            f"status {subject.name} -n {subject.namespace}"
        )
        return ExitCode.FINDINGS
    given.console.say(f"pod {pod.name} of Job {pod.job}: {pod.state}")
    try:
        text = cluster.client.log(subject.namespace, pod.name, pod.container)
    except NotFoundError as error:
        raise ToolError(f"the log of pod {pod.name} no longer exists: {error.message}") from error
    except ApiError as error:
        raise failure(error) from error
    given.console.write(text)
    return ExitCode.OK


def _follower(given: Session) -> Follower:
    return Follower(given.cluster.client, given.console, given.command.timeout.total_seconds())


def _write_new(path: Path, text: str) -> None:
    try:
        # The folder of the first restore is often not there yet.
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{path} already exists: write each restore to a new file") from error


def _write_json(console: Console, value: JsonObject) -> None:
    console.write(json.dumps(value, indent=2, ensure_ascii=False))


def _say_notes(given: Session) -> None:
    notes: Sequence[str] = given.cluster.notes
    for note in notes:
        given.console.say(f"note: {note}")
