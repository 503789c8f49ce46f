"""Why a BackupSession is skipped instead of started: what it needs is not there, or not yet."""

from stashgen.api.backup_configuration import BackupConfigurationPhase
from stashgen_controller.kinds.backup_session.observe import Observed


def why_skipped(seen: Observed) -> str | None:
    """Why a session that was just created must not start (KubeStash: PreRequisitesNotSatisfied)."""
    configuration = seen.configuration
    invoker = seen.session.spec.invoker
    if invoker is None or invoker.kind != "BackupConfiguration":
        return "only a BackupConfiguration can be the invoker"
    if configuration is None:
        return f"BackupConfiguration {invoker.name} does not exist"
    if seen.config_session is None:
        return f"BackupConfiguration {invoker.name} has no session {seen.session.spec.session!r}"
    if configuration.spec.paused:
        return "the BackupConfiguration is paused"
    phase = configuration.status.phase if configuration.status is not None else None
    if seen.refusal is not None or phase != BackupConfigurationPhase.READY:
        return _why_not_ready(seen)
    if seen.running is not None:
        return f"BackupSession {seen.running} is still running"
    if seen.restoring is not None:
        return f"RestoreSession {seen.restoring} is restoring into the target"
    blocked = seen.partial_restore or seen.not_bound
    if blocked is not None:
        return blocked.message
    if not seen.copies:
        return "every Repository of the session is paused"
    problems = [
        copy.problem for copy in seen.copies if copy.problem and not copy.is_waiting_for_apply
    ]
    return problems[0].text if len(problems) == len(seen.copies) else None


def _why_not_ready(seen: Observed) -> str:
    """That the configuration is not Ready, and what a session of it would lack."""
    if seen.refusal is not None:
        return f"the BackupConfiguration is Invalid: {seen.refusal.message}"
    if seen.claim and seen.claim_uid is None:
        why = f": PersistentVolumeClaim {seen.claim} does not exist"
    elif seen.not_bound is not None:
        why = f": {seen.not_bound.message}"
    else:
        problem = next((copy.problem for copy in seen.copies if copy.problem), None)
        why = f": {problem.text}" if problem else ""
    return f"the BackupConfiguration is not Ready{why}"
