"""The alert rules, judged by Prometheus' own tool over what a controller's endpoint serves."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.resources import Resource
from tests.api_contract.servers import program
from tests.support.processes import Cluster, Controller, wait_until
from tools.manifests import DEPLOY

Json = Any
_RULES = DEPLOY / "alerts" / "stashgen.rules.yaml"
_THEN = "2026-03-01T00:00:00Z"
_CONFIGURATION = {"object_namespace": "demo", "configuration": "library"}
_SESSION = _CONFIGURATION | {"session": "backup"}
# The series whose value an alert shows.
_SHOWN = {
    "StashgenUnprotectedVolumes": 'stashgen_unprotected_volumes{object_namespace="demo"}',
    "StashgenAdmissionPolicyMissing": "stashgen_admission_policy_missing{}",
}
_REPOSITORY = {"object_namespace": "demo", "repository": "local-abcde"}


def test_prometheus_takes_the_rules() -> None:
    done = _promtool("check", "rules", str(_RULES))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(_alerts())} rules found" in done.stdout


def test_each_alert_fires_over_what_the_endpoint_serves(
    cluster: Cluster, standby: Controller, tmp_path: Path
) -> None:
    _bad_night(cluster)
    wait_until(lambda: _is_all_told(standby), "the objects are not in the metrics")
    wait_until(lambda: standby.metric("stashgen_leader") == 0, "it leads")
    # A strict controller says so itself: controller_process/test_strict_mode.py.
    missing = "stashgen_admission_policy_missing "
    text = standby.get("/metrics")[1].replace(f"{missing}0.0", f"{missing}1.0")
    series = _series(text)
    firing: dict[str, Sequence[Mapping[str, str]]] = {
        "StashgenRecoveryPointMissed": [_SESSION | _REPOSITORY],
        "StashgenObjectiveMissed": [
            _CONFIGURATION | {"objective": "minCopies"},
            _CONFIGURATION | {"objective": "rpo"},
        ],
        "StashgenHistoryTooShort": [_CONFIGURATION],
        "StashgenBackupFailed": [_SESSION],
        "StashgenRetentionFailed": [_REPOSITORY],
        "StashgenRepositoryDamaged": [_REPOSITORY],
        "StashgenUpkeepOverdue": [_REPOSITORY],
        "StashgenNotReady": [
            {"kind": "BackupConfiguration", "object_namespace": "demo", "name": "library"},
            {"kind": "Repository", "object_namespace": "demo", "name": "local-abcde"},
        ],
        "StashgenMalformed": [
            {"kind": "RestoreSession", "object_namespace": "demo", "name": "strange"},
        ],
        "StashgenUnprotectedVolumes": [{"object_namespace": "demo"}],
        "StashgenNobodyLeads": [{}],
        "StashgenAdmissionPolicyMissing": [{}],
    }
    assert firing.keys() == _alerts().keys()
    at_once = {
        "StashgenRecoveryPointMissed", "StashgenBackupFailed", "StashgenRetentionFailed",
        "StashgenAdmissionPolicyMissing", "StashgenObjectiveMissed", "StashgenHistoryTooShort",
        "StashgenRepositoryDamaged",
    }  # fmt: skip
    early = {name: found for name, found in firing.items() if name in at_once}
    soon = {name: found for name, found in firing.items() if name != "StashgenUpkeepOverdue"}
    _check(tmp_path, series, {"1m": early, "16m": soon, "359m": soon, "361m": firing})


def test_no_alert_fires_where_all_is_well(
    cluster: Cluster, standby: Controller, tmp_path: Path
) -> None:
    _create(cluster, known.PERSISTENT_VOLUME_CLAIMS, "library", {})
    status = {"phase": "Ready"}
    _create(cluster, known.BACKUP_CONFIGURATIONS, "library", _spec("0 * * * *"), status)
    now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    upkeep = {"lastCheckTime": now, "lastPruneTime": now}
    good = status | {"integrity": True, "upkeep": upkeep}
    _create(cluster, known.REPOSITORIES, "local-abcde", {}, good)
    expected = (
        ("ready{.*BackupConfiguration", "1.0"),
        ("ready{.*Repository", "1.0"),
        ("repository_intact{.*local-abcde", "1.0"),
        ("repository_upkeep_overdue{.*local-abcde", "0.0"),
    )
    wait_until(lambda: _tells(standby, expected), "the objects are not in the metrics")
    text = standby.get("/metrics")[1].replace("stashgen_leader 0.0", "stashgen_leader 1.0")
    _check(tmp_path, _series(text), {"16m": {}, "361m": {}})


def test_two_controllers_that_say_the_same_are_one_alert(tmp_path: Path) -> None:
    labels = ",".join(f'{name}="{value}"' for name, value in _SESSION.items())
    name = "stashgen_last_backup_session_succeeded"
    series = [
        {"series": f'{name}{{{labels},instance="{pod}"}}', "values": "0x30"} for pod in ("a", "b")
    ]
    _check(tmp_path, series, {"1m": {"StashgenBackupFailed": [_SESSION]}})


def _bad_night(cluster: Cluster) -> None:
    """Everything that an alert is about."""
    _create(cluster, known.PERSISTENT_VOLUME_CLAIMS, "forgotten", {})
    unreadable = {"stashgen.dev/min-copies": "many"}
    never = _spec("0 0 31 2 *")
    _create(cluster, known.BACKUP_CONFIGURATIONS, "library", never, annotations=unreadable)
    failed = {"type": "RetentionApplied", "status": "False", "lastTransitionTime": _THEN}
    damaged = {"integrity": False, "upkeep": {"lastCheckTime": _THEN, "lastPruneTime": _THEN}}
    _create(cluster, known.REPOSITORIES, "local-abcde", {}, damaged | {"conditions": [failed]})
    invoker = {"apiGroup": "core.kubestash.com", "kind": "BackupConfiguration", "name": "library"}
    spec = {"invoker": invoker, "session": "backup"}
    _create(cluster, known.BACKUP_SESSIONS, "library-backup-1", spec, {"phase": "Failed"})
    malformed = {"type": "ValidationPassed", "reason": "InvalidField"} | {
        key: failed[key] for key in ("status", "lastTransitionTime")
    }
    _create(cluster, known.RESTORE_SESSIONS, "strange", {}, {"conditions": [malformed]})


def _is_all_told(controller: Controller) -> bool:
    """Whether each object of the bad night is in the metrics; each kind comes when it is cached."""
    expected = (
        ("recovery_point_objective_met{.*local-abcde", "0.0"),
        ("objective_met{.*library", "0.0"),
        ("last_backup_session_succeeded{.*library", "0.0"),
        ("retention_applied{.*local-abcde", "0.0"),
        ("repository_intact{.*local-abcde", "0.0"),
        ("repository_upkeep_overdue{.*local-abcde", "1.0"),
        ("ready{.*BackupConfiguration", "0.0"),
        ("ready{.*Repository", "0.0"),
        ("unprotected_volumes{.*demo", "1.0"),
        ("malformed{.*strange", "1.0"),
    )
    return _tells(controller, expected)


def _tells(controller: Controller, expected: Sequence[tuple[str, str]]) -> bool:
    """Whether the metrics have each of these series, with its value."""
    text = controller.get("/metrics")[1]
    return all(
        re.search(rf"^stashgen_{series}.* {value}$", text, re.MULTILINE)
        for series, value in expected
    )


def _spec(schedule: str) -> Json:
    session = {
        "name": "backup",
        "scheduler": {"schedule": schedule, "jobTemplate": {}},
        "repositories": [{"name": "local-abcde"}],
    }
    target = {"apiGroup": "", "kind": "PersistentVolumeClaim", "name": "library"}
    return {"target": target | {"namespace": "demo"}, "sessions": [session]}


def _create(
    cluster: Cluster,
    resource: Resource,
    name: str,
    spec: Json,
    status: Json = None,
    annotations: Json = None,
) -> None:
    manifest: JsonObject = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name, "namespace": "demo", "annotations": annotations},
        "spec": spec,
    }
    cluster.client.create(resource, "demo", manifest)
    if status:
        cluster.client.patch(resource, "demo", name, {"status": status}, status=True)


def _alerts() -> dict[str, Json]:
    (group,) = yaml.safe_load(_RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


def _series(text: str) -> list[Json]:
    """Seven hours in which nothing changes, as promtool writes series."""
    return [
        {
            "series": sample.name
            + "{"
            + ",".join(f"{key}={json.dumps(value)}" for key, value in sample.labels.items())
            + "}",
            "values": f"{sample.value}x420",
        }
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name.startswith("stashgen_")
    ]


def _check(
    folder: Path,
    series: Sequence[Json],
    firing: Mapping[str, Mapping[str, Sequence[Mapping[str, str]]]],
) -> None:
    """See that at each time these alerts fire and no other, with their labels and texts."""
    values = {item["series"]: item["values"].partition("x")[0] for item in series}
    tests = [
        {
            "eval_time": time,
            "alertname": name,
            "exp_alerts": [
                {
                    "exp_labels": {**rule["labels"], **labels},
                    "exp_annotations": {
                        key: _filled(text, labels, values.get(_SHOWN.get(name, ""), ""))
                        for key, text in rule["annotations"].items()
                    },
                }
                for labels in found.get(name, [])
            ],
        }
        for time, found in firing.items()
        for name, rule in _alerts().items()
    ]
    case = {
        "rule_files": [str(_RULES)],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "alert_rule_test": tests}],
    }
    path = folder / "case.yaml"
    path.write_text(json.dumps(case), encoding="utf-8")
    done = _promtool("test", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


def _filled(text: str, labels: Mapping[str, str], number: str) -> str:
    """A template's text."""
    text = text.replace("{{ $value }}", number.removesuffix(".0"))
    return re.sub(r"{{ \$labels\.(\w+) }}", lambda match: labels[match[1]], text)


def _promtool(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [program("promtool"), *arguments], capture_output=True, text=True, check=False, timeout=120
    )
