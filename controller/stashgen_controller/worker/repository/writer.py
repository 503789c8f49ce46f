"""Who writes to a directory: the claim and the cluster, recorded before the first byte."""

import json
import re

from stashgen.api.base import format_time
from stashgen.api.snapshot import RecordedWriter
from stashgen.kubestash import layout
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.run import RunContext, RunFailedError

# A claim's UID is shown to people, who copy it into an annotation.
_UID = re.compile(r"[0-9A-Za-z-]{1,64}")


def record_writer(run: RunContext) -> RecordedWriter:
    """Create our record if there is none; returns the recorded writer and whether it is us.

    Raises:
        StorageError: the storage does not respond.
        RunFailedError: the record is not readable.
    """
    path = layout.writer_file(run.directory)
    # Read first: a storage that ignores that a write is create-only must not lose the record.
    data = run.bucket.read(path)
    if data is None and run.plan.claim_uid is not None:
        if run.bucket.create(path, _record(run)):
            return _us(run)
        data = run.bucket.read(path)
        if data is None:
            msg = f"{path} exists but cannot be read"
            raise RunFailedError(ErrorClass.UNAVAILABLE, msg)
    return _recorded(run, data)


def adopt(run: RunContext) -> None:
    """Make us the recorded writer, after a restore into the repository's own claim.

    Raises:
        StorageError: somebody else is, and our keys may only read, say.
    """
    if not _is_us(run):
        run.bucket.write(layout.writer_file(run.directory), _record(run))


def require_writer(run: RunContext) -> None:
    """Stop a backup into a directory that another claim or cluster writes to.

    The plan may acknowledge one other claim, which then is displaced as the writer. If the claim
    is the same and only the cluster differs, there are two clusters of one origin: the same Git
    would let each displace the other for ever.

    Raises:
        RunFailedError: RestoreExpected, when the plan says so.
    """
    run.writer = record_writer(run)
    if run.writer.matches:
        return
    recorded = run.writer.claim_uid
    is_other_claim = recorded is not None and recorded != run.plan.claim_uid
    if is_other_claim and recorded == run.plan.acknowledged_writer:
        adopt(run)
        run.writer = _us(run)
        return
    if run.plan.refuse_other_writer:
        msg = (
            f"{run.directory} was written by another volume or cluster; restore from it first, "
            "so that an empty volume does not displace its history"
        )
        raise RunFailedError(ErrorClass.RESTORE_EXPECTED, msg)


def _is_us(run: RunContext) -> bool:
    """Whether the record is ours already; one that cannot be read is nobody's."""
    data = run.bucket.read(layout.writer_file(run.directory))
    try:
        return data is not None and _recorded(run, data).matches
    except RunFailedError:
        return False


def _us(run: RunContext) -> RecordedWriter:
    return RecordedWriter(claim_uid=run.plan.claim_uid, matches=True)


def _record(run: RunContext) -> bytes:
    record = {
        "claimUID": run.plan.claim_uid,
        "clusterUID": run.plan.cluster_uid,
        "since": format_time(run.now()),
    }
    return json.dumps(record, sort_keys=True).encode()


def _recorded(run: RunContext, data: bytes | None) -> RecordedWriter:
    if data is None:
        return _us(run)
    try:
        record = json.loads(data)
        cluster, claim = record["clusterUID"], record["claimUID"]
    except (ValueError, KeyError, TypeError) as error:
        msg = f"the writer's record in {run.directory} cannot be read"
        raise RunFailedError(ErrorClass.INVALID_BUCKET, msg) from error
    # Without a claim only the cluster can be compared.
    matches = cluster == run.plan.cluster_uid and claim == (run.plan.claim_uid or claim)
    is_uid = isinstance(claim, str) and _UID.fullmatch(claim) is not None
    return RecordedWriter(claim_uid=claim if is_uid else None, matches=bool(matches))
