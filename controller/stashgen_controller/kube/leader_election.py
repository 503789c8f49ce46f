"""One controller of several acts: the one that holds the Lease (coordination.k8s.io/v1).

The package's own election goes on for ever, compares wall clocks and does not let go of the Lease
at the end, so this is ours; the rules are those of client-go's ``leaderelection``:

- Who holds the Lease renews it. Others take it over once they have seen it unchanged for its whole
  duration on **their own** clock: clocks of different nodes are never compared.
- A leader may write until a third of the duration before that, counted from the moment at which it
  **sent** its last successful renewal. So a leader that was paused, or cannot reach the API server,
  has stopped before the next one begins, whether its threads ran in between or not.
"""

import logging
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event, Lock, Thread
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.resources import LEASES
from stashgen_controller.kube.client import AlreadyExistsError, ApiError, Client, NotFoundError

log = logging.getLogger(__name__)

LEASE = "stashgen-controller"
_RENEWALS = 5
_JITTER = 0.2


def uptime() -> float:
    """Seconds on a clock that nobody sets and that counts while the machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def new_identity(name: str) -> str:
    """Who we are in the Lease: a second process of the same name is somebody else."""
    return f"{name}_{uuid.uuid4()}"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a Lease lasts; the rest follows from that, in the proportions of client-go."""

    duration: timedelta = timedelta(seconds=15)

    @property
    def validity_seconds(self) -> float:
        """How long a leader acts after its last renewal."""
        return self.duration.total_seconds() * 2 / 3

    @property
    def period_seconds(self) -> float:
        """How often a leader renews and the others look."""
        return self.duration.total_seconds() / _RENEWALS


class LeaderElection:
    """Holds the Lease or waits for it, in a thread of its own.

    Args:
        client: For the Lease only: it must not be held back when we do not lead.
        namespace: Of the Lease.
        identity: From ``new_identity``.
        on_start: Called once, when we begin to lead.
        now: The clock, for tests.
    """

    def __init__(
        self,
        client: Client,
        namespace: str,
        identity: str,
        *,
        on_start: Callable[[], None],
        timing: Timing | None = None,
        now: Callable[[], float] = uptime,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._identity = identity
        self._on_start = on_start
        self._timing = timing or Timing()
        self._now = now
        self._lock = Lock()
        self._valid_until = 0.0
        self._lease: JsonObject | None = None
        self._seen_at = 0.0
        self._is_started = False
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="leader-election", daemon=True)

    def start(self) -> None:
        """Begin to try; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop trying, and let go of the Lease so that another one need not wait.

        Nothing may be written any more by then.
        """
        self._stopping.set()
        self._thread.join(timeout=self._timing.period_seconds)
        with self._lock:
            held, self._valid_until = self._valid_until > self._now(), 0.0
        if not held or self._lease is None or self._thread.is_alive():
            return
        try:
            self._client.replace(LEASES, self._namespace, _lease_with(self._lease, _released()))
        except ApiError as error:
            log.warning("could not let go of the Lease", extra={"error": str(error)})
        else:
            log.info("let go of the Lease", extra={"identity": self._identity})

    @property
    def is_leading(self) -> bool:
        """Whether we may write now; ask before each write."""
        with self._lock:
            return self._now() < self._valid_until

    @property
    def is_lost(self) -> bool:
        """Whether we led and may not write any more; for good: what we know may be old."""
        return self._is_started and not self.is_leading

    @property
    def is_alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def step(self) -> None:
        """Look at the Lease, and take or renew it where that is right."""
        try:
            self._take_or_renew()
        except ApiError as error:
            # Somebody else was quicker, or nobody answers: the Lease as we know it is of no use.
            self._forget()
            log.info("the Lease was not taken", extra={"error": str(error)})
        if self.is_leading and not self._is_started:
            self._is_started = True
            log.info("leading", extra={"identity": self._identity})
            self._on_start()

    def _run(self) -> None:
        period = self._timing.period_seconds
        while not self._stopping.is_set() and not self.is_lost:
            self.step()
            # Jitter, so that candidates that began together do not go on together.
            wait = period * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 (no secret)
            self._stopping.wait(wait)

    def _take_or_renew(self) -> None:
        """Raises ApiError where the Lease is not ours after this."""
        if self._is_started and self._lease is not None and self._holder() == self._identity:
            self._write(_lease_with(self._lease, self._renewed()))
            return
        try:
            self._see(self._client.get(LEASES, self._namespace, LEASE))
        except NotFoundError:
            self._create()
            return
        lease = cast("JsonObject", self._lease)
        holder = self._holder()
        if holder == self._identity:
            self._write(_lease_with(lease, self._renewed()))
        elif self._is_started:
            # It was taken from us: not even an expired one is taken back by who was once paused.
            with self._lock:
                self._valid_until = 0.0
        elif not holder or self._now() >= self._seen_at + self._duration_seconds():
            spec = _spec(lease)
            count = int(cast("int", spec.get("leaseTransitions") or 0)) + 1
            taken = self._renewed() | {"acquireTime": _micro_time(), "leaseTransitions": count}
            self._write(_lease_with(lease, taken))

    def _create(self) -> None:
        sent = self._now()
        spec = self._renewed() | {"acquireTime": _micro_time(), "leaseTransitions": 0}
        manifest: JsonObject = {
            "apiVersion": LEASES.api_version,
            "kind": LEASES.kind,
            "metadata": {"name": LEASE, "namespace": self._namespace},
            "spec": spec,
        }
        try:
            made = self._client.create(LEASES, self._namespace, manifest)
        except AlreadyExistsError:
            return
        self._hold(made, sent)

    def _write(self, lease: JsonObject) -> None:
        """Replace the Lease as we saw it: the API server refuses all but the first of several."""
        sent = self._now()
        self._hold(self._client.replace(LEASES, self._namespace, lease), sent)

    def _hold(self, lease: JsonObject, sent: float) -> None:
        self._lease = lease
        with self._lock:
            self._valid_until = sent + self._timing.validity_seconds

    def _see(self, lease: JsonObject) -> None:
        """Remember when a Lease was first seen as it is."""
        if self._lease is None or _version(lease) != _version(self._lease):
            self._lease, self._seen_at = lease, self._now()

    def _forget(self) -> None:
        """Look at the Lease again before the next write; another one's age stays known."""
        if self._holder() == self._identity:
            self._lease = None

    def _holder(self) -> str:
        return str(_spec(self._lease or {}).get("holderIdentity") or "")

    def _duration_seconds(self) -> float:
        """What the holder promised, not what we would."""
        promised = _spec(self._lease or {}).get("leaseDurationSeconds")
        ours = self._timing.duration.total_seconds()
        return max(float(promised), ours) if isinstance(promised, int) else ours

    def _renewed(self) -> JsonObject:
        seconds = max(1, round(self._timing.duration.total_seconds()))
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": seconds,
            "renewTime": _micro_time(),
        }


def _released() -> JsonObject:
    return {"holderIdentity": "", "leaseDurationSeconds": 1, "renewTime": _micro_time()}


def _lease_with(lease: JsonObject, changes: JsonObject) -> JsonObject:
    return lease | {"spec": _spec(lease) | changes}


def _spec(lease: JsonObject) -> JsonObject:
    return cast("JsonObject", lease.get("spec") or {})


def _version(lease: JsonObject) -> object:
    return cast("JsonObject", lease["metadata"]).get("resourceVersion")


def _micro_time() -> str:
    """A metav1.MicroTime."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
