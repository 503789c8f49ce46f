"""What a worker finds in its pod: run spec, clock, destination of results. Read only here."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from stashgen.kubestash.paths import (
    CREDENTIALS_PATH,
    DATA_PATH,
    ENCRYPTION_KEY,
    ENCRYPTION_PATH,
    SESSION_PATH,
)
from stashgen.kubestash.pods.environment import why_reserved
from stashgen.kubestash.pods.priorities import priority_command
from stashgen_controller.protocol.run_spec import RunSpec

PASSWORD_FILE = f"{ENCRYPTION_PATH}/{ENCRYPTION_KEY}"
_PLAN_FILE = f"{SESSION_PATH}/plan"
_TERMINATION_LOG = "/dev/termination-log"
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"


@dataclass(frozen=True, slots=True)
class Environment:
    """The pod around the worker.

    Attributes:
        data: The folder where the claim is mounted.
        credentials: The folder with the keys of the storage, one file per key.
        now: The worker's clock: the node's, or the embedded cluster's.
        api_url: Base address of the API server; None if the pod has no token.
        job_name: The name of the trigger Job.
        clock_offset: How far that clock is ahead of the node's: none outside an embedded cluster.
        pod_uid: Names the file of a result that does not fit the termination message.
        priority: What comes before restic on its command line.
    """

    plan_file: Path
    password_file: Path
    data: Path
    credentials: Path
    termination_log: Path
    now: Callable[[], datetime]
    api_url: str | None
    token_file: Path
    ca_file: Path
    job_name: str | None
    pod_uid: str | None
    clock_offset: timedelta = timedelta()
    priority: Sequence[str] = ()

    def read_plan(self) -> RunSpec:
        """The plan that the controller wrote.

        Raises:
            OSError: there is none.
            pydantic.ValidationError: it is not one.
        """
        return RunSpec.model_validate_json(self.plan_file.read_bytes(), extra="ignore")


def drop_reserved() -> None:
    """Forget the variables that a user may not set: restic and obstore read them from here.

    obstore takes a session token and the mode of create-only writes from ``AWS_*``, restic the
    repository and the key from ``RESTIC_*``. Ours have been read by now.
    """
    for name in list(os.environ):
        if why_reserved(name) is not None:
            del os.environ[name]


def from_process() -> Environment:
    """The environment of this process."""
    offset = timedelta(seconds=float(os.environ.get("STASHGEN_CLOCK_OFFSET_SECONDS", "0")))
    host = os.environ.get("KUBERNETES_SERVICE_HOST")
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    token_file = Path(_ACCOUNT, "token")
    # Every pod knows the API server's address, but without a token it must not use it.
    in_cluster = f"https://{host}:{port}" if host and token_file.exists() else None
    return Environment(
        plan_file=Path(os.environ.get("STASHGEN_PLAN_FILE", _PLAN_FILE)),
        password_file=Path(os.environ.get("STASHGEN_PASSWORD_FILE", PASSWORD_FILE)),
        data=Path(os.environ.get("STASHGEN_DATA", DATA_PATH)),
        credentials=Path(os.environ.get("STASHGEN_CREDENTIALS", CREDENTIALS_PATH)),
        termination_log=Path(os.environ.get("STASHGEN_TERMINATION_LOG", _TERMINATION_LOG)),
        now=lambda: datetime.now(UTC) + offset,
        api_url=os.environ.get("STASHGEN_API_SERVER") or in_cluster,
        token_file=token_file,
        ca_file=Path(_ACCOUNT, "ca.crt"),
        job_name=os.environ.get("JOB_NAME"),
        pod_uid=os.environ.get("POD_UID"),
        clock_offset=offset,
        priority=priority_command(os.environ),
    )
