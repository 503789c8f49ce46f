"""docs/metrics.md and the alert rules name exactly the metrics, labels, alerts and events."""

import re
from datetime import UTC, datetime
from typing import Any

import yaml

from stashgen_controller.observability.cluster_metrics import of_cluster
from stashgen_controller.observability.events import OF_PHASE
from stashgen_controller.observability.metrics import Process, of_process
from tests.support.objects import Objects, ThisProcess
from tools.manifests import DEPLOY

_DOCS = (DEPLOY.parent.parent / "docs" / "metrics.md").read_text(encoding="utf-8")
_RULES = (DEPLOY / "alerts" / "stashgen.rules.yaml").read_text(encoding="utf-8")
_BY_PROMETHEUS = {"value", "labels"}


def _metrics() -> dict[str, list[str]]:
    """Every metric's exposed name with its labels."""
    process: Process = ThisProcess()
    now = datetime(2026, 3, 1, tzinfo=UTC)
    of_objects = {item.name: list(item.labels) for item in of_cluster(Objects(), now)}
    # The package shows labels by samples only, and a process that just began has none.
    return of_objects | {
        f"{item.name}_total" if item.type == "counter" else item.name: list(
            vars(item)["_labelnames"]
        )
        for item in of_process(process)
    }


def _rules() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(_RULES)["groups"]
    return list(group["rules"])


def _table(heading: str) -> list[list[str]]:
    section = _DOCS.partition(heading)[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_each_metric_is_documented_with_its_labels() -> None:
    documented = {
        row[0].strip("`"): [label for label in row[1].split(", ") if label]
        for row in _table("# Metrics, alerts and events")
    }
    assert documented == _metrics()


def test_each_alert_is_documented() -> None:
    documented = [row[0].strip("`") for row in _table("## Alerts")]
    assert documented == [rule["alert"] for rule in _rules()]


def test_alerts_ask_for_metrics_and_labels_that_are_there() -> None:
    metrics = _metrics()
    for rule in _rules():
        names = re.findall(r"stashgen_\w+", rule["expr"])
        assert len(names) == 1, rule["alert"]
        labels = set(metrics[names[0]])
        grouped = re.search(r"by \(([^)]*)\)", rule["expr"])
        kept = {item.strip() for item in grouped[1].split(",")} if grouped else set()
        assert kept <= labels, rule["alert"]
        text = " ".join(rule["annotations"].values())
        shown = set(re.findall(r"\$labels\.(\w+)", text))
        assert shown <= kept, rule["alert"]


def test_alerts_compare_with_nothing_but_yes_no_and_none() -> None:
    for rule in _rules():
        numbers = re.findall(r"[=<>]=? *([0-9.]+)", rule["expr"])
        assert set(numbers) <= {"0", "1"}, rule["alert"]


def test_each_event_is_documented() -> None:
    documented = {
        reason: row[1] for row in _table("## Events") for reason in re.findall(r"`(\w+)`", row[0])
    }
    wanted = {reason: type_ for type_, reason in OF_PHASE.values()}
    assert documented == wanted | {"RetentionFailed": "Warning", "InvalidField": "Warning"}
