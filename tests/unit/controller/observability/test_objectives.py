"""What a policy demands, judged by the restore points that exist."""

from datetime import timedelta
from typing import Any, cast

import pytest

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.resources import BACKUP_CONFIGURATIONS, CRON_JOBS
from stashgen_controller.kubectl.status.entry import Section
from stashgen_controller.kubectl.status.overview import overview
from stashgen_controller.observability.cluster_metrics import of_cluster
from stashgen_controller.observability.freshness import copy_states
from stashgen_controller.observability.objectives import objective_states
from tests.support.objects import NOW, Objects, claim, configuration, repository, snapshot

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_RPO, _KEEP_FOR, _COPIES = (f"stashgen.dev/{name}" for name in ("rpo", "keep-for", "min-copies"))


def _objects(age: timedelta = 30 * _DAY, **annotations: str) -> Objects:
    objects = Objects()
    names = {"rpo": _RPO, "keep_for": _KEEP_FOR, "min_copies": _COPIES}
    written = {names[name]: value for name, value in annotations.items()}
    configuration(objects, age=age, annotations=written)
    claim(objects, "library")
    return objects


def _judged(objects: Objects) -> dict[str, str]:
    """Why each objective is not met, empty if it is."""
    found = objects.items(BackupConfiguration)
    states = objective_states(found, copy_states(objects, found, NOW), NOW)
    return {state.objective.value: state.why for state in states}


@pytest.mark.parametrize(
    ("name", "value"),
    [(_RPO, "soon"), (_RPO, "0s"), (_RPO, "6d"), (_KEEP_FOR, ""), (_COPIES, "two"),
     (_COPIES, "0"), (_COPIES, "-1"), (_COPIES, "1" * 30)],
)  # fmt: skip
def test_objective_that_cannot_be_read_is_not_met_and_hides_nothing(name: str, value: str) -> None:
    objects = Objects()
    configuration(objects, annotations={name: value})
    claim(objects, "library")
    snapshot(objects, "new", "Succeeded", age=_HOUR)
    judged = _judged(objects)
    assert judged.keys() == {"rpo", "keepFor", "minCopies"}
    assert all("annotation stashgen.dev/" in why for why in judged.values())
    # The copies are still judged, by their schedule.
    (copy,) = copy_states(objects, objects.items(BackupConfiguration), NOW)
    assert copy.is_met


def test_nothing_is_judged_where_nothing_is_demanded() -> None:
    assert _judged(_objects()) == {}


@pytest.mark.parametrize(("age", "is_met"), [(6 * _HOUR, True), (7 * _HOUR, False)])
def test_newest_backup_is_no_older_than_the_objective(age: timedelta, is_met: bool) -> None:
    objects = _objects(rpo="6h0m0s")
    snapshot(objects, "old", "Succeeded", age=3 * _DAY)
    snapshot(objects, "new", "Succeeded", age=age)
    snapshot(objects, "failed", "Failed", age=_HOUR)
    why = "" if is_met else "the newest good backup is 7h old; 6h is allowed"
    assert _judged(objects) == {"rpo": why}
    # A copy has the time of its volume's objective, which is longer than its schedule's 5 hours.
    (copy,) = copy_states(objects, objects.items(BackupConfiguration), NOW)
    assert (copy.is_met, copy.allowed) == (is_met, 6 * _HOUR)


def test_schedule_that_somebody_slowed_down_in_the_cluster_does_not_stretch_the_objective() -> None:
    objects = _objects(rpo="6h0m0s")
    objects.add(CRON_JOBS, "trigger-library-backup", spec={"schedule": "0 0 * * *"})
    snapshot(objects, "new", "Succeeded", age=10 * _HOUR)
    assert _judged(objects) == {"rpo": "the newest good backup is 10h old; 6h is allowed"}
    (copy,) = copy_states(objects, objects.items(BackupConfiguration), NOW)
    assert copy.is_met


def test_new_configuration_has_the_time_that_it_allows() -> None:
    demanded = {"rpo": "6h0m0s", "keep_for": "336h0m0s", "min_copies": "1"}
    assert set(_judged(_objects(5 * _HOUR, **demanded)).values()) == {""}
    late = _judged(_objects(15 * _DAY, **demanded))
    assert late == {
        "rpo": "the newest good backup does not exist; 6h is allowed",
        "keepFor": "the oldest good backup does not exist; 14d is demanded",
        "minCopies": "0 of 1 storages have a recent enough good backup",
    }


@pytest.mark.parametrize(("age", "is_met"), [(14 * _DAY, True), (13 * _DAY, False)])
def test_oldest_backup_is_as_old_as_demanded(age: timedelta, is_met: bool) -> None:
    objects = _objects(keep_for="336h0m0s")
    snapshot(objects, "new", "Succeeded", age=_HOUR)
    snapshot(objects, "old", "Succeeded", age=age)
    snapshot(objects, "older", "Failed", age=20 * _DAY)
    why = "" if is_met else "the oldest good backup is 13d old; 14d is demanded"
    assert _judged(objects) == {"keepFor": why}


def test_copies_are_counted_by_storage() -> None:
    objects = _objects(rpo="6h0m0s", min_copies="2")
    stored = objects.stored(BACKUP_CONFIGURATIONS, "demo", "library")
    spec = cast("dict[str, Any]", (stored or {})["spec"])
    spec["backends"] = [
        {"name": "a", "storageRef": {"name": "local", "namespace": "demo"}},
        {"name": "b", "storageRef": {"name": "local", "namespace": "demo"}},
    ]
    spec["sessions"][0]["repositories"] = [
        {"name": "local-abcde", "backend": "a"},
        {"name": "local-fghij", "backend": "b"},
    ]
    for name in ("local-abcde", "local-fghij"):
        snapshot(objects, f"new-{name}", "Succeeded", age=_HOUR, repository=name)
    why = "1 of 2 storages have a recent enough good backup"
    assert _judged(objects) == {"rpo": "", "minCopies": why}
    spec["backends"][1] = {"name": "b", "storageRef": {"name": "s3", "namespace": "demo"}}
    assert _judged(objects) == {"rpo": "", "minCopies": ""}


def test_metric_and_status_say_the_same() -> None:
    objects = _objects(rpo="6h0m0s", keep_for="336h0m0s")
    snapshot(objects, "new", "Succeeded", age=5 * _HOUR)
    gauges = {item.name: dict(item.samples) for item in of_cluster(objects, NOW)}
    assert gauges["stashgen_objective_met"] == {
        ("demo", "library", "rpo"): 1,
        ("demo", "library", "keepFor"): 0,
    }
    oldest = (NOW - 5 * _HOUR).timestamp()
    assert set(gauges["stashgen_oldest_success_timestamp_seconds"].values()) == {oldest}
    found = overview(objects, NOW)
    (entry,) = found.of(Section.OBJECTIVE)
    assert entry.what == "keepFor of library"
    assert entry.why == "the oldest good backup is 5h old; 14d is demanded"
    assert not found.is_well


def test_late_copy_is_not_listed_twice() -> None:
    objects = _objects(rpo="6h0m0s", min_copies="1")
    snapshot(objects, "new", "Succeeded", age=7 * _HOUR)
    found = overview(objects, NOW)
    assert len(found.of(Section.LATE)) == 1
    assert found.of(Section.OBJECTIVE) == []


@pytest.mark.parametrize(("integrity", "counts"), [(None, True), (True, True), (False, False)])
def test_what_a_damaged_repository_holds_is_no_restore_point(
    integrity: bool | None, counts: bool
) -> None:
    objects = _objects(rpo="6h0m0s", keep_for="168h0m0s", min_copies="1")
    snapshot(objects, "old", "Succeeded", age=9 * _DAY)
    snapshot(objects, "new", "Succeeded", age=_HOUR)
    repository(objects, **({} if integrity is None else {"integrity": integrity}))
    why = "; Repository local-abcde is damaged and does not count"
    lost = {
        "rpo": f"the newest good backup does not exist; 6h is allowed{why}",
        "keepFor": f"the oldest good backup does not exist; 7d is demanded{why}",
        "minCopies": f"0 of 1 storages have a recent enough good backup{why}",
    }
    assert _judged(objects) == (dict.fromkeys(lost, "") if counts else lost)
