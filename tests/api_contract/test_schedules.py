"""The CronJob and Job controllers: what runs when, under which name, and what is kept."""

from datetime import UTC, datetime, timedelta

import pytest

from stashgen.api.base import format_time, parse_time
from stashgen.api.resources import CRON_JOBS, JOBS, PODS, SERVICE_ACCOUNTS
from stashgen_controller.kube.client import ConflictError, NotFoundError
from tests.api_contract.servers import Server, until
from tests.api_contract.wire import Http
from tests.support.samples import Json, at, cron_job, job, names, owner

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


_ENDINGS = (("1", "Succeeded"), ("2", "Failed"), ("3", "Succeeded"), ("4", "Failed"))


class Schedules:
    """CronJobs in one namespace."""

    def __init__(self, server: Server, namespace: str) -> None:
        self._server = server
        self._client = server.client
        self.namespace = namespace

    def create(self, name: str, **spec: object) -> Json:
        """A CronJob."""
        return self._client.create(CRON_JOBS, self.namespace, cron_job(name, **spec))

    def missed(self, name: str, by: timedelta, **spec: object) -> Json:
        """A CronJob whose controller was away since some time ago."""
        self.create(name, **spec | {"suspend": True})
        last = format_time(self._server.now() - by)
        self._client.patch(
            CRON_JOBS, self.namespace, name, {"status": {"lastScheduleTime": last}}, status=True
        )
        resume: Json = {"spec": {"suspend": spec.get("suspend", False)}}
        return self._client.patch(CRON_JOBS, self.namespace, name, resume)

    def get(self, name: str) -> Json:
        """A CronJob as it is now."""
        return self._client.get(CRON_JOBS, self.namespace, name)

    def jobs(self, name: str) -> list[Json]:
        """The Jobs of a CronJob, in the order of their names."""
        items, _ = self._client.list(JOBS, self.namespace)
        return [
            item for item in items if at(item, "metadata", "ownerReferences", 0, "name") == name
        ]

    def first_job(self, name: str) -> Json:
        """The Job of a CronJob, once there is one."""
        return until(lambda: self.jobs(name), f"{name} makes a Job")[0]

    def pod(self, job_name: str) -> Json:
        """The pod of a Job, once there is one."""

        def find() -> list[Json]:
            items, _ = self._client.list(
                PODS, self.namespace, label_selector=f"batch.kubernetes.io/job-name={job_name}"
            )
            return [item for item in items if at(item, "status", "phase") == "Pending"]

        return until(find, f"{job_name} makes a pod")[0]

    def end(self, job_name: str, phase: str) -> Json:
        """Let the Job's pod end, as a kubelet would say it; returns the finished Job."""
        pod_name = str(at(self.pod(job_name), "metadata", "name"))
        self._client.patch(
            PODS, self.namespace, pod_name, {"status": {"phase": phase}}, status=True
        )
        wanted = {"Succeeded": "Complete", "Failed": "Failed"}[phase]

        def finished() -> Json | None:
            found = self._client.get(JOBS, self.namespace, job_name)
            conditions = at(found, "status", "conditions")
            kinds = (
                [at(item, "type") for item in conditions] if isinstance(conditions, list) else []
            )
            return found if wanted in kinds else None

        return until(finished, f"{job_name} is {wanted}")

    def job(self, name: str, **metadata: object) -> Json:
        """A Job of its own."""
        return self._client.create(JOBS, self.namespace, job(name, **metadata))


@pytest.fixture
def schedules(server: Server, namespace: str) -> Schedules:
    """No CronJobs yet; the account that pods run under is there."""

    def account() -> bool:
        try:
            return bool(server.client.get(SERVICE_ACCOUNTS, namespace, "default"))
        except NotFoundError:
            return False

    until(account, "the namespace gets its default account")
    return Schedules(server, namespace)


def test_cron_job_makes_a_job_at_the_next_tick(server: Server, ticking: Json) -> None:
    schedules = Schedules(server, str(at(ticking, "metadata", "namespace")))
    created = parse_time(str(at(ticking, "metadata", "creationTimestamp")))
    tick = created.replace(second=0) + timedelta(minutes=1)
    if server.is_embedded:
        server.pass_time(timedelta(minutes=1))
    made = until(lambda: schedules.jobs("tick"), "the tick makes a Job")[0]
    assert at(made, "metadata", "name") == f"tick-{int(tick.timestamp()) // 60}"
    assert at(made, "metadata", "annotations", SCHEDULED) == format_time(tick)
    assert at(made, "metadata", "ownerReferences") == [
        owner(ticking, controller=True, blockOwnerDeletion=True)
    ]

    def recorded() -> Json | None:
        status: Json = at(schedules.get("tick"), "status") or {}
        return status if status.get("active") else None

    status = until(recorded, "the tick is recorded")
    assert parse_time(status["lastScheduleTime"]) >= tick
    assert status["active"][0]["name"] == at(made, "metadata", "name")


def test_only_the_latest_of_missed_ticks_runs(server: Server, schedules: Schedules) -> None:
    before = server.now()
    schedules.missed("late", timedelta(minutes=10))
    made = schedules.first_job("late")
    tick = parse_time(str(at(made, "metadata", "annotations", SCHEDULED)))
    assert before.replace(second=0, microsecond=0) <= tick <= server.now()
    assert at(made, "metadata", "name") == f"late-{int(tick.timestamp()) // 60}"
    assert len(schedules.jobs("late")) == 1


def test_schedule_is_read_in_the_time_zone(schedules: Schedules) -> None:
    # Kolkata is half an hour off: the minute of the tick tells whether the zone was used.
    zone = {"timeZone": "Asia/Kolkata", "schedule": "0 * * * *"}
    schedules.missed("zoned", timedelta(hours=3), **zone)
    scheduled = str(at(schedules.first_job("zoned"), "metadata", "annotations", SCHEDULED))
    assert scheduled.endswith(":00:00+05:30")
    assert parse_time(scheduled).astimezone(UTC).minute == 30


def test_job_gets_labels_and_annotations_of_the_template(schedules: Schedules) -> None:
    template = cron_job("x")["spec"]["jobTemplate"]
    metadata = {"labels": {"a": "b"}, "annotations": {"c": "d"}}
    schedules.missed(
        "labelled", timedelta(minutes=2), jobTemplate=template | {"metadata": metadata}
    )
    made = schedules.first_job("labelled")
    assert at(made, "metadata", "labels", "a") == "b"
    assert at(made, "metadata", "annotations", "c") == "d"


def test_suspended_cron_job_makes_no_job(schedules: Schedules) -> None:
    schedules.missed("suspended", timedelta(minutes=5), suspend=True)
    schedules.missed("witness", timedelta(minutes=5))
    schedules.first_job("witness")
    assert schedules.jobs("suspended") == []


def test_tick_beyond_the_deadline_is_not_made_up_for(server: Server, schedules: Schedules) -> None:
    now = server.now()
    # Due two minutes ago only, and too late after ten seconds.
    due = now - timedelta(minutes=2)
    schedule = f"{due.minute} {due.hour} * * *"
    late = {"schedule": schedule, "startingDeadlineSeconds": 10}
    schedules.missed("too-late", timedelta(hours=1), **late)
    schedules.missed("in-time", timedelta(hours=1), schedule=schedule, startingDeadlineSeconds=600)
    schedules.first_job("in-time")
    assert schedules.jobs("too-late") == []


def test_forbid_waits_for_the_job_that_runs(server: Server, schedules: Schedules) -> None:
    schedules.missed("forbid", timedelta(minutes=5), concurrencyPolicy="Forbid")
    first = str(at(schedules.first_job("forbid"), "metadata", "name"))
    _rewind(server, schedules, "forbid")
    schedules.missed("witness", timedelta(minutes=5))
    schedules.first_job("witness")
    assert names(schedules.jobs("forbid")) == [first]


def test_replace_ends_the_job_that_runs(server: Server, schedules: Schedules) -> None:
    created = schedules.create("replace", suspend=True, concurrencyPolicy="Replace")
    old = schedules.job("replace-old", ownerReferences=[owner(created, controller=True)])
    active = {"apiVersion": "batch/v1", "kind": "Job", "namespace": schedules.namespace}
    status = {
        "active": [active | {"name": "replace-old", "uid": at(old, "metadata", "uid")}],
        "lastScheduleTime": format_time(server.now() - timedelta(minutes=5)),
    }
    for patch, is_status in (({"status": status}, True), ({"spec": {"suspend": False}}, False)):
        server.client.patch(CRON_JOBS, schedules.namespace, "replace", patch, status=is_status)

    def replaced() -> bool:
        found = names(schedules.jobs("replace"))
        return len(found) == 1 and found != ["replace-old"]

    until(replaced, "another Job takes its place")


def _rewind(server: Server, schedules: Schedules, name: str) -> None:
    """Have the controller think that it missed the last ticks."""
    last = format_time(server.now() - timedelta(minutes=5))
    server.client.patch(
        CRON_JOBS,
        schedules.namespace,
        name,
        {"status": {"lastScheduleTime": last}},
        status=True,
    )


def test_finished_jobs_are_kept_up_to_the_limits(server: Server, schedules: Schedules) -> None:
    limits = {"successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 1}
    created = schedules.create("history", suspend=True, **limits)
    owners = [owner(created, controller=True)]
    for name, phase in _ENDINGS:
        schedules.job(f"history-{name}", ownerReferences=owners)
        schedules.end(f"history-{name}", phase)
        # Which one is older is decided by whole seconds.
        server.pass_time(timedelta(seconds=1))

    def kept() -> bool:
        return len(schedules.jobs("history")) == 2

    until(kept, "the older ones are deleted")
    assert names(schedules.jobs("history")) == ["history-3", "history-4"]
    ended = at(schedules.get("history"), "status", "lastSuccessfulTime")
    assert isinstance(parse_time(str(ended)), datetime)


def test_job_makes_a_pod_that_belongs_to_it(schedules: Schedules) -> None:
    created = schedules.job("one")
    uid = at(created, "metadata", "uid")
    pod = schedules.pod("one")
    assert str(at(pod, "metadata", "name")).startswith("one-")
    assert at(pod, "metadata", "ownerReferences", 0, "uid") == uid
    assert at(pod, "metadata", "labels", "batch.kubernetes.io/controller-uid") == uid
    assert at(pod, "metadata", "labels", "job-name") == "one"


def test_job_is_complete_once_its_pod_succeeded(schedules: Schedules) -> None:
    schedules.job("one")
    done = schedules.end("one", "Succeeded")
    assert at(done, "status", "succeeded") == 1
    assert at(done, "status", "startTime")
    assert at(done, "status", "completionTime")
    conditions = {
        str(at(item, "type")): at(item, "reason") for item in done["status"]["conditions"]
    }
    assert conditions == {
        "SuccessCriteriaMet": "CompletionsReached",
        "Complete": "CompletionsReached",
    }


def test_job_fails_with_its_last_pod(schedules: Schedules) -> None:
    schedules.job("one")
    done = schedules.end("one", "Failed")
    assert at(done, "status", "failed") == 1
    conditions = {
        str(at(item, "type")): (at(item, "reason"), at(item, "message"))
        for item in done["status"]["conditions"]
    }
    text = "Job has reached the specified backoff limit"
    assert conditions == {
        "FailureTarget": ("BackoffLimitExceeded", text),
        "Failed": ("BackoffLimitExceeded", text),
    }


def test_pods_go_with_their_job(server: Server, schedules: Schedules) -> None:
    schedules.job("one")
    pod = str(at(schedules.pod("one"), "metadata", "name"))
    server.client.delete(JOBS, schedules.namespace, "one")

    def is_gone() -> bool:
        try:
            server.client.get(PODS, schedules.namespace, pod)
        except NotFoundError:
            return True
        return False

    until(is_gone, "the pod goes")


def test_pods_of_a_job_stay_where_no_policy_is_given(
    server: Server, http: Http, schedules: Schedules
) -> None:
    schedules.job("one")
    pod = str(at(schedules.pod("one"), "metadata", "name"))
    http("DELETE", JOBS.path(schedules.namespace, "one"))

    def orphaned() -> bool:
        found = server.client.get(PODS, schedules.namespace, pod)
        return not at(found, "metadata", "ownerReferences")

    until(orphaned, "the pod is let go of")


def test_job_without_its_own_uid_is_not_deleted(server: Server, schedules: Schedules) -> None:
    schedules.job("one")
    with pytest.raises(ConflictError):
        server.client.delete(JOBS, schedules.namespace, "one", uid="other")
