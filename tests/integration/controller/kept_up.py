"""A Repository that is pruned and checked, day after day."""

from datetime import timedelta
from typing import cast

from stashgen.api import resources as known
from stashgen.api.base import JsonObject
from stashgen.api.snapshot import Phase
from stashgen.kubestash.verbs import Verb
from stashgen_controller.jobs.manifest import plan_of
from stashgen_controller.protocol.run_result import ErrorClass, RunError, RunResult, Upkeep
from stashgen_controller.protocol.run_spec import RunSpec
from tests.support import manifests
from tests.support.harness import Harness, Worker, good_worker

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)


def backed_up_once(harness: Harness, *sessions: JsonObject) -> Harness:
    """A volume with one good backup, and nothing due for now."""
    harness.apply(manifests.storage("demo"))
    harness.apply(manifests.retention("demo"))
    wanted = sessions or (manifests.session("demo"),)
    harness.apply(manifests.configuration("demo", *wanted))
    harness.settle(work=good_worker)
    harness.advance(10 * MINUTE)
    return harness


def repository(harness: Harness) -> JsonObject:
    return harness.status(known.REPOSITORIES, "demo", "repo-local")


def upkeep(harness: Harness) -> JsonObject:
    return cast("JsonObject", repository(harness).get("upkeep") or {})


def later(harness: Harness, by: timedelta, work: Worker | None = None) -> None:
    harness.advance(by)
    harness.look_at_everything()
    harness.settle(work=work)


def open_plans(harness: Harness) -> list[RunSpec]:
    return [plan_of(job) for job in harness.open_jobs()]


def damage(harness: Harness, job: JsonObject, plan: RunSpec) -> RunResult:
    """A worker whose checks find damage."""
    result = good_worker(harness, job, plan)
    if not plan.check:
        return result
    found = RunError(reason=ErrorClass.REPOSITORY_DAMAGED, message="restic check: a pack is gone")
    update: dict[str, object] = {"phase": Phase.FAILED, "error": found}
    if plan.verb is Verb.UPKEEP:
        update["upkeep"] = Upkeep(checked=True, intact=False)
    else:
        component = result.components["dump"]
        bad = {"phase": Phase.FAILED, "integrity": False, "error": found.why.text}
        update["components"] = {"dump": component.model_copy(update=bad)}
    return result.model_copy(update=update)
