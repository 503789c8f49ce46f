"""Which tick a CronJob's controller makes up for."""

from datetime import UTC, datetime, timedelta

import pytest

from stashgen.api.cron_job import CronJob, CronJobSpec
from stashgen_controller.embedded.controllers.cron_job import missed_tick
from tests.support.samples import cron_job

_NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def _spec(**settings: object) -> CronJobSpec:
    return CronJob.from_wire(cron_job("one", **settings)).spec


def test_tick_at_this_very_moment_is_due() -> None:
    assert missed_tick(_spec(), _NOON - timedelta(minutes=1), _NOON) == _NOON


def test_tick_that_was_handled_is_not_due_again() -> None:
    assert missed_tick(_spec(), _NOON, _NOON + timedelta(seconds=59)) is None


def test_only_the_newest_of_many_is_due() -> None:
    assert missed_tick(_spec(), _NOON - timedelta(days=1), _NOON) == _NOON


def test_suspended_one_is_never_due() -> None:
    assert missed_tick(_spec(suspend=True), _NOON - timedelta(days=1), _NOON) is None


@pytest.mark.parametrize(("late", "is_due"), [(59, True), (61, False)])
def test_deadline_ends_the_wait_for_a_tick(late: int, is_due: bool) -> None:
    spec = _spec(schedule="0 12 * * *", startingDeadlineSeconds=60)
    now = _NOON + timedelta(seconds=late)
    assert (missed_tick(spec, _NOON - timedelta(days=3), now) == _NOON) is is_due


def test_schedule_is_read_in_its_zone() -> None:
    spec = _spec(schedule="0 13 * * *", timeZone="Europe/Berlin")
    assert missed_tick(spec, _NOON - timedelta(hours=5), _NOON) == _NOON


def test_schedule_that_never_fires_is_never_due() -> None:
    assert missed_tick(_spec(schedule="0 0 31 2 *"), _NOON - timedelta(days=900), _NOON) is None
