"""All metrics for Prometheus: those of the cluster, computed at each scrape, and of this process.

Nothing is stored: a controller that was started a second ago reports the same as one that has been
running for a year, and a standby the same as the leader. Only requests and queue depth belong to
the process. Each metric is described in docs/metrics.md; the alert rules need no thresholds because
the objects define what is expected.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from threading import Lock
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest

from stashgen_controller.observability.cluster_metrics import of_cluster
from stashgen_controller.observability.gauge import Gauge
from stashgen_controller.runtime.kind import Reader

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Process(Protocol):
    """The values of the metrics about this process."""

    @property
    def requests_by_verb(self) -> Mapping[str, int]:
        """Requests to the API server since the process started."""
        ...

    @property
    def queue_depth(self) -> int:
        """Objects that are queued for reconciliation."""
        ...

    @property
    def is_leading(self) -> bool:
        """Whether this process reconciles."""
        ...

    @property
    def admission_problems(self) -> Sequence[str]:
        """In strict mode: a message for each namespace in which a policy is missing."""
        ...


class Metrics:
    """All metrics of one controller, as text for Prometheus."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._lock = Lock()

    def exposition(self, reader: Reader, now: datetime) -> bytes:
        """The text exposition format 0.0.4; one scrape after the other."""
        with self._lock:
            registry = CollectorRegistry(auto_describe=False)
            cluster = map(_family, of_cluster(reader, now))
            registry.register(_Collector([*cluster, *of_process(self._process)]))
            return generate_latest(registry)


class _Collector:
    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        """The metrics to expose."""
        return self._families


def of_process(process: Process) -> Iterator[Metric]:
    """The metrics of this process."""
    requests = CounterMetricFamily(
        "stashgen_api_requests", "Requests to the API server, by verb.", labels=["verb"]
    )
    for verb, number in sorted(process.requests_by_verb.items()):
        requests.add_metric([verb], number)
    yield requests
    for name, text, figure in (
        (
            "stashgen_queue_depth",
            "Objects that are queued for reconciliation.",
            process.queue_depth,
        ),
        (
            "stashgen_leader",
            "1 if this process reconciles, 0 on a standby.",
            float(process.is_leading),
        ),
        (
            "stashgen_admission_policy_missing",
            "Namespaces in which the API server would admit an unreviewed Job.",
            len(process.admission_problems),
        ),
    ):
        yield _family(Gauge(name, text, (), (((), figure),)))


def _family(gauge: Gauge) -> Metric:
    family = GaugeMetricFamily(gauge.name, gauge.text, labels=list(gauge.labels))
    for values, value in gauge.samples:
        family.add_metric(list(values), value)
    return family
