"""BackupConfiguration: see that everything is there, have sessions scheduled, start the first.

A rendered configuration's children come from git: the controller only waits for them. For plain
KubeStash manifests it makes, changes and removes exactly the children that it owns.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from stashgen.api.backup_configuration import (
    BackupConfigurationPhase,
    BackupConfigurationStatus,
)
from stashgen.api.base import JsonObject, parse_time
from stashgen.api.shared import Condition
from stashgen.kubestash import phases
from stashgen.kubestash.conditions import ConditionType
from stashgen.kubestash.validation.backup_configuration import validate_backup_configuration
from stashgen.kubestash.validation.supported import unsupported_messages
from stashgen_controller.kinds.backup_configuration.children import (
    ensure_children,
    moved_repositories,
)
from stashgen_controller.kinds.backup_configuration.initial_backup import (
    initial_backups,
    not_triggered,
)
from stashgen_controller.kinds.backup_configuration.observe import Observed
from stashgen_controller.kinds.backup_configuration.status import (
    backend_status,
    dependencies,
    not_scheduled,
    repository_status,
    session_status,
)
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.conditions import condition, is_true, with_condition, without
from stashgen_controller.runtime.decision import Action, Decision


def decide(seen: Observed, now: datetime) -> Decision:
    """Validate, ensure the children, schedule, and start each session's initial backup."""
    configuration = seen.configuration
    problems = [
        *validate_backup_configuration(
            configuration,
            seen.others,
            [*seen.storages.values(), *seen.policies.values()],
            seen.labels,
        ),
        *moved_repositories(seen),
        *unsupported_messages(configuration),
        *seen.default_problems,
        *(
            f"session {name!r}: {problem.message}"
            for name, problem in seen.addon_problems.items()
            if problem.name == Cause.UNSUPPORTED_ADDON
        ),
    ]
    validated = _validation(problems, configuration.metadata.generation, now)
    conditions = with_condition(seen.status.conditions, validated)
    conditions = _with_target(conditions, seen.not_bound, now)
    actions: list[Action] = []
    if not problems and not seen.is_rendered:
        actions += ensure_children(seen)
    status = seen.status.model_copy(
        update={
            "conditions": conditions,
            "target_found": seen.target_found,
            "backends": tuple(backend_status(seen, item) for item in configuration.spec.backends),
            "repositories": tuple(
                repository_status(seen, name) for name in configuration.repository_names
            ),
            "dependencies": dependencies(seen),
            "sessions": tuple(
                session_status(seen, item, now) for item in configuration.spec.sessions
            ),
        }
    )
    phase = phases.backup_configuration_phase(configuration, status)
    status = status.model_copy(update={"phase": phase})
    # Only once the stored phase says so too: a session that looks at it must not be skipped.
    is_ready = phase is BackupConfigurationPhase.READY and seen.status.phase is phase
    if is_ready and not configuration.spec.paused:
        status, initial = initial_backups(seen, status, now)
        actions += initial
    return Decision(
        tuple(actions),
        status.to_wire(),
        _until_next_tick(status, now),
        refused=lambda why, _action: _refused(seen, status, why, now),
    )


def _with_target(
    conditions: tuple[Condition, ...], not_bound: Reason | None, now: datetime
) -> tuple[Condition, ...]:
    """Say that there is no volume behind the claim; nothing where there is one."""
    if not_bound is None:
        return without(conditions, ConditionType.TARGET_BOUND)
    word = condition(
        ConditionType.TARGET_BOUND,
        status=False,
        reason=not_bound.name,
        message=not_bound.message,
        now=now,
    )
    return with_condition(conditions, word)


def _validation(problems: Sequence[str], generation: int | None, now: datetime) -> Condition:
    if problems:
        return condition(
            ConditionType.VALIDATION_PASSED,
            status=False,
            reason="ResourceValidationFailed",
            message="; ".join(problems),
            now=now,
            generation=generation,
        )
    return condition(
        ConditionType.VALIDATION_PASSED,
        status=True,
        reason="ResourceValidationPassed",
        message="Validation has been passed successfully.",
        now=now,
        generation=generation,
    )


def _refused(
    seen: Observed, status: BackupConfigurationStatus, why: Reason, now: datetime
) -> JsonObject:
    """Say of each session what could not be made for it; what is there already stays so."""
    known = {item.name: item.conditions for item in seen.status.sessions or ()}
    sessions = []
    for item in status.sessions or ():
        conditions = known.get(item.name, ())
        if is_true(item.conditions, ConditionType.SCHEDULER_ENSURED):
            conditions = item.conditions
        else:
            conditions = with_condition(conditions, not_scheduled(why.text, now))
        if is_true(item.conditions, ConditionType.INITIAL_BACKUP_TRIGGERED) and not is_true(
            known.get(item.name, ()), ConditionType.INITIAL_BACKUP_TRIGGERED
        ):
            conditions = with_condition(conditions, not_triggered(why.text, now))
        sessions.append(item.model_copy(update={"conditions": conditions}))
    status = status.model_copy(update={"sessions": tuple(sessions)})
    phase = phases.backup_configuration_phase(seen.configuration, status)
    return status.model_copy(update={"phase": phase}).to_wire()


def _until_next_tick(status: BackupConfigurationStatus, now: datetime) -> timedelta | None:
    """Look again once the shown next ticks are over, before the session that the tick makes."""
    ticks = [item.next_schedule for item in status.sessions or () if item.next_schedule]
    if not ticks:
        return None
    return parse_time(min(ticks)) - now + timedelta(milliseconds=100)
