"""The settings of a volume that annotations decide, as far as the policy that protects it allows.

They are the last layer of the merge: above the policy and its exceptions.
"""

from collections.abc import Mapping
from dataclasses import replace

from stashgen import cron
from stashgen.api.labels import EVERY_ANNOTATION, PATHS_ANNOTATION
from stashgen.diagnostics import Finding, Severity, quote
from stashgen.model.inventory import Annotation, Annotations, Volume
from stashgen.model.source import Authored, Origin
from stashgen.policy.backup_policy import BackupPolicy, EveryBounds, Session, Settings
from stashgen.policy.duration import parse_duration
from stashgen.policy.volume_paths import parse_paths
from stashgen.resolve.exceptions import is_exceptional
from stashgen.resolve.findings import Code, finding, not_delegated
from stashgen.resolve.inheritance import refined
from stashgen.resolve.merge import Layer
from stashgen.resolve.schedules import schedule_origin

Namespaces = Mapping[tuple[str, str], Annotations]


def annotations_of(volume: Volume, namespaces: Namespaces) -> Annotations:
    """What holds for a volume: its own annotations, above those of its namespace."""
    key = (volume.key.cluster_id, volume.key.namespace)
    return {**namespaces.get(key, {}), **volume.annotations}


class DelegatedSettings:
    """What annotations set, as volumes are looked at one after another.

    Attributes:
        findings: What is wrong with them; the policy stays as it is then.
    """

    def __init__(self, namespaces: Namespaces) -> None:
        self.findings: list[Finding] = []
        self._namespaces = namespaces
        self._variants: dict[tuple[int, Annotation], Authored[BackupPolicy]] = {}

    def applied(self, volume: Volume, policy: Authored[BackupPolicy]) -> Authored[BackupPolicy]:
        """The policy with the first session's interval and the paths that annotations set."""
        found = annotations_of(volume, self._namespaces)
        if EVERY_ANNOTATION in found:
            policy = self._every(found[EVERY_ANNOTATION], policy)
        if PATHS_ANNOTATION in found:
            policy = self._paths(found[PATHS_ANNOTATION], policy)
        return policy

    def _every(
        self, annotation: Annotation, policy: Authored[BackupPolicy]
    ) -> Authored[BackupPolicy]:
        problem = _interval_refusal(annotation, policy)
        if problem is not None:
            self.findings.append(problem)
            return policy
        first = policy.value.spec.sessions[0]
        written = policy.at("spec", "sessions", 0)
        self._note(annotation, schedule_origin(first, written), f"the schedule of {_named(first)}")
        return self._variant(policy, annotation, "every", [first], annotation.value)

    def _paths(
        self, annotation: Annotation, policy: Authored[BackupPolicy]
    ) -> Authored[BackupPolicy]:
        name = quote(policy.value.metadata.name)
        where = policy.at("spec", "delegate", "paths")
        delegate = policy.value.spec.delegate
        if delegate is None or delegate.paths is None:
            what = f"policy {name} does not allow an annotation to set the paths of a backup"
            fix = "have the policy's owner set delegate.paths: allowed, or remove the annotation"
            self.findings.append(not_delegated(annotation.origin, what, where, fix))
            return policy
        try:
            paths = parse_paths(annotation.value)
        except ValueError as error:
            what = f"paths {quote(annotation.value)} cannot be read: {error}"
            fix = 'list files and folders, separated by commas, such as "data,conf/app.ini"'
            self.findings.append(not_delegated(annotation.origin, what, where, fix))
            return policy
        sessions = policy.value.spec.sessions
        for index, session in enumerate(sessions):
            written = policy.at("spec", "sessions", index, "paths")
            self._note(annotation, written, f"the paths of {_named(session)}")
        return self._variant(policy, annotation, "paths", sessions, paths)

    def _note(self, annotation: Annotation, replaced: Origin, what: str) -> None:
        """Say that an annotation sets aside what an exception has decided at ``replaced``."""
        if not is_exceptional(replaced):
            return
        self.findings.append(
            finding(
                Code.REPLACES_EXCEPTION,
                annotation.origin,
                f"{quote(annotation.value)} replaces {what} that an exception of the policy sets",
                why="annotations that the policy delegates count more than its exceptions, which "
                "have a reason",
                fix="remove the annotation, or let the exception end",
                related=(replaced.position,),
                severity=Severity.WARNING,
            )
        )

    def _variant(
        self,
        policy: Authored[BackupPolicy],
        annotation: Annotation,
        field: str,
        sessions: list[Session] | tuple[Session, ...],
        value: object,
    ) -> Authored[BackupPolicy]:
        """The policy with a field of its sessions, each of which is made once."""
        key = (id(policy), annotation)
        if key not in self._variants:
            place = annotation.origin
            parts: dict[str | int, Origin] = {}
            for index in range(len(sessions)):
                name = policy.at("spec", "sessions", index, "name")
                parts[index] = replace(place, parts={field: place, "name": name})
            set_ = tuple(
                Session.model_validate({"name": one.name, field: value}) for one in sessions
            )
            origin = replace(place, parts={"sessions": replace(place, parts=parts)})
            self._variants[key] = refined(policy, Layer(Settings(sessions=set_), origin), policy)
        return self._variants[key]


def _interval_refusal(annotation: Annotation, policy: Authored[BackupPolicy]) -> Finding | None:
    name = quote(policy.value.metadata.name)
    delegate = policy.value.spec.delegate
    bounds = delegate.every if delegate is not None else None
    where = policy.at("spec", "delegate", "every")
    if bounds is None:
        what = f"policy {name} does not allow an annotation to set how often it runs"
        fix = "have the policy's owner set delegate.every, or remove the annotation"
        return not_delegated(annotation.origin, what, where, fix)
    try:
        seconds = parse_duration(annotation.value)
    except ValueError as error:
        what = f"every {quote(annotation.value)} cannot be read: {error}"
        return not_delegated(annotation.origin, what, where, 'write a duration such as "4h"')
    if not _is_within(seconds, bounds):
        what = f"every {quote(annotation.value)} is outside the bounds of policy {name}: "
        what += f"at least {bounds.at_least} and at most {bounds.at_most}"
        return not_delegated(annotation.origin, what, where, "choose an interval within the bounds")
    first = policy.value.spec.sessions[0]
    if first.schedule is None or not cron.is_confined(first.schedule):
        return None
    return not_delegated(
        annotation.origin,
        f"every {quote(annotation.value)} cannot replace schedule {quote(first.schedule)} of "
        f"policy {name}, which names the hours or days in which it runs",
        policy.at("spec", "sessions", 0, "schedule"),
        "write every with between and days in the policy, which an annotation keeps, or remove the "
        "annotation",
    )


def _is_within(seconds: int, bounds: EveryBounds) -> bool:
    return parse_duration(bounds.at_least) <= seconds <= parse_duration(bounds.at_most)


def _named(session: Session) -> str:
    return f"session {quote(session.name)}"
