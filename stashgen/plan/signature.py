"""Which protections of a volume mean the same, so that there is nothing to compare."""

from stashgen.model.resolved import Protection
from stashgen.plan.histories import Written
from stashgen.plan.words import retention_text, when_text


def signature(protection: Protection) -> tuple[object, ...]:
    """Equal for two protections of a volume that mean the same."""
    return (
        protection.policy,
        protection.paused,
        protection.objectives,
        protection.on_unreadable,
        protection.upkeep,
        tuple(
            (
                session.name,
                session.schedule,
                when_text(session),
                session.timeout_seconds,
                session.paths,
                session.exclude,
                tuple(
                    (Written(session, copy).identity, retention_text(copy.retention))
                    for copy in session.copies
                ),
            )
            for session in protection.sessions
        ),
    )
