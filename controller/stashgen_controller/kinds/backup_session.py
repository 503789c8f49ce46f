"""BackupSession: one Snapshot a repository, one Job a Snapshot, one after the other.

A session is a stored plan. Its Snapshots and Jobs have names that follow from its own, so a
controller that starts anew finds what it made before. Retention is a Job of its own after the
session and does not turn a good backup into a failed one.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from stashgen.api.backup_configuration import BackupConfiguration, Session
from stashgen.api.backup_session import (
    BackupSession,
    BackupSessionStatus,
    BackupSessionPhase,
    SnapshotSummary,
)
from stashgen.api.base import JsonObject
from stashgen.api.repository import Repository
from stashgen.api.resources import BACKUP_SESSIONS, JOBS, SNAPSHOTS
from stashgen.api.shared import Condition
from stashgen.api.snapshot import Phase, Snapshot
from stashgen.kubestash import phases, quantities

from stashgen_controller.conditions import condition, find, is_true, with_condition
from stashgen_controller.decision import Action, Create, Decision
from stashgen_controller.jobs import PENDING_TOO_LONG, Run, RunState, job_manifest, owner_of
from stashgen_controller.kinds.history import expired_sessions
from stashgen_controller.kinds.retention import retain
from stashgen_controller.kinds.session_view import Copy, Observed, observe
from stashgen_controller.reconciler import Kind
from stashgen_controller.session_plan import SessionPlan, Verb
from stashgen_controller.snapshots import snapshot_manifest
