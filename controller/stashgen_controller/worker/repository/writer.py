"""Who writes to a directory: the claim and the cluster, recorded before the first byte."""

import json

from stashgen.api.base import format_time
from stashgen.kubestash import layout
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.run import RunContext, RunFailedError


def record_writer(run: RunContext) -> bool:
    """Create our record if there is none; returns whether we are the recorded writer.

    Raises:
        StorageError: the storage does not respond.
        RunFailedError: the record is not readable.
    """
    path = layout.writer_file(run.directory)
    # Read first: a storage that ignores that a write is create-only must not lose the record.
    data = run.bucket.read(path)
    if data is None and run.plan.claim_uid is not None:
        if run.bucket.create(path, _record(run)):
            return True
        data = run.bucket.read(path)
        if data is None:
            msg = f"{path} exists but cannot be read"
            raise RunFailedError(ErrorClass.UNAVAILABLE, msg)
    return _is_us(run, data)


def adopt(run: RunContext) -> None:
    """Make us the recorded writer, after a restore into the repository's own claim."""
    run.bucket.write(layout.writer_file(run.directory), _record(run))


def require_writer(run: RunContext) -> None:
    """Stop a backup into a directory that another claim or cluster writes to.

    Raises:
        RunFailedError: RestoreExpected, when the plan says so.
    """
    if not record_writer(run) and run.plan.refuse_other_writer:
        msg = (
            f"{run.directory} was written by another volume or cluster; restore from it first, "
            "so that an empty volume does not displace its history"
        )
        raise RunFailedError(ErrorClass.RESTORE_EXPECTED, msg)


def _record(run: RunContext) -> bytes:
    record = {
        "claimUID": run.plan.claim_uid,
        "clusterUID": run.plan.cluster_uid,
        "since": format_time(run.now()),
    }
    return json.dumps(record, sort_keys=True).encode()


def _is_us(run: RunContext, data: bytes | None) -> bool:
    if data is None:
        return True
    try:
        record = json.loads(data)
        cluster, claim = record["clusterUID"], record["claimUID"]
    except (ValueError, KeyError, TypeError) as error:
        msg = f"the writer's record in {run.directory} cannot be read"
        raise RunFailedError(ErrorClass.INVALID_BUCKET, msg) from error
    # Without a claim only the cluster can be compared.
    return bool(cluster == run.plan.cluster_uid and claim == (run.plan.claim_uid or claim))
