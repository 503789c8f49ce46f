"""One repository of a BackupSession: its Snapshot, its Job, and how far it is."""

from dataclasses import dataclass
from datetime import datetime

from stashgen.api.base import JsonObject
from stashgen.api.labels import is_rendered
from stashgen.api.repository import Repository
from stashgen.api.shared import ObjectReference
from stashgen.api.snapshot import Phase, Snapshot
from stashgen_controller.jobs.run import JobRun, RunState
from stashgen_controller.listers.pins import Pins
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.protocol.run_spec import UnrecordedFailure
from stashgen_controller.runtime.causes import Cause


@dataclass(frozen=True, slots=True)
class Copy:
    """One repository of the session.

    Attributes:
        name: The Repository's.
        session: The BackupSession's name.
        snapshot_name: Of the session's Snapshot there, and of its Job.
        recorded: The phase that the session's status has for it.
        repository: None where there is none.
        snapshot: None until it was made.
        snapshot_object: The same without its status, for the plan.
        run: The backup Job.
        template: The backup pod; None with a ``problem``, and while no backup is to begin.
        problem: Why no Job can be made now.
        maintenance: The maintenance pod, for retention; None with a ``retention_problem``, and
            while no retention is to begin.
        retention_problem: Why retention cannot be applied now.
        retain_job: Name of the retention Job.
        retain_run: The retention Job.
        retain_attempt: Which of a row of retention Jobs that is.
        removed: Snapshots that the retention Job removed from the bucket and that are still here.
        retention_ref: The RetentionPolicy that applies here.
        terminated_pods: That worked on the repository and are gone, for the plans.
        unrecorded: Failed Snapshots that left no record in the bucket, for retention.
        pins: What restores need of the repository, by the API server's word; None until it was
            asked: no retention begins before.
        is_damaged: The last check found damage: only another check shows whether a backup is good,
            and nothing may be removed. Looked for only where a backup or a retention may begin.
        pinned_late: Snapshots that a restore needs, and of which the retention Job, whose pod has
            not started, knows nothing.
    """

    name: str
    session: str
    snapshot_name: str
    recorded: Phase | None
    repository: Repository | None
    snapshot: Snapshot | None
    snapshot_object: JsonObject | None
    run: JobRun
    template: JsonObject | None
    problem: Reason | None
    maintenance: JsonObject | None
    retention_problem: Reason | None
    retain_job: str
    retain_run: JobRun
    retain_attempt: int
    removed: tuple[Snapshot, ...]
    retention_ref: ObjectReference | None
    terminated_pods: tuple[str, ...]
    unrecorded_failures: tuple[UnrecordedFailure, ...]
    pins: Pins | None
    is_damaged: bool
    pinned_late: tuple[str, ...]

    @property
    def is_rendered(self) -> bool:
        """Whether git holds the pod templates."""
        return self.repository is not None and is_rendered(self.repository.metadata)

    @property
    def is_waiting_for_apply(self) -> bool:
        """The pod template is managed in Git and has not been applied yet."""
        return self.problem is not None and self.problem.name == Cause.WAITING_FOR_APPLY

    @property
    def collides(self) -> bool:
        """A Snapshot of our name belongs to another session or repository."""
        if self.snapshot is None:
            return False
        spec = self.snapshot.spec
        return (spec.backup_session, spec.repository) != (self.session, self.name)

    @property
    def phase(self) -> Phase:
        """The Snapshot's; where that says nothing final, what the session recorded itself.

        The session records a failure where it gave up before there was a Job. What is recorded
        as over stays so: a Snapshot that is deleted is not created a second time.
        """
        own = self.snapshot.phase if self.snapshot is not None and not self.collides else None
        if own is not None and own.is_final:
            return own
        if self.recorded is not None and self.recorded.is_final:
            return self.recorded
        return own or Phase.PENDING

    @property
    def is_finished(self) -> bool:
        """It succeeded or failed."""
        return self.phase.is_final

    @property
    def is_given_up(self) -> bool:
        """The session recorded a failure without a finished Snapshot."""
        is_over = self.snapshot is not None and self.snapshot.is_finished and not self.collides
        return self.recorded is Phase.FAILED and not is_over

    @property
    def may_begin(self) -> bool:
        """Its backup or its retention is still to begin."""
        if not self.is_finished:
            return self.run.state is RunState.ABSENT
        return self.retain_run.state in {RunState.ABSENT, RunState.FINISHED}

    @property
    def leaves_more(self) -> bool:
        """The retention Job removed as much as one may and left the rest to the next."""
        result = self.retain_run.result
        retention = result.retention if result is not None else None
        if retention is None or not retention.remaining:
            return False
        return bool(retention.removed or retention.removed_before)

    @property
    def may_retain(self) -> bool:
        """A retention Job is the next to be made."""
        is_next = self.retain_run.state is RunState.ABSENT or self.leaves_more
        return is_next and self.maintenance is not None

    @property
    def is_claimed(self) -> bool:
        """The session recorded that the backup begins: volume and repository are ours."""
        return self.recorded is Phase.RUNNING

    @property
    def is_good(self) -> bool:
        """It succeeded."""
        return self.phase is Phase.SUCCEEDED

    @property
    def finished(self) -> datetime | None:
        """When the Snapshot's status became final."""
        status = self.snapshot.status if self.snapshot is not None else None
        return status.last_update_time if status is not None and not self.collides else None
