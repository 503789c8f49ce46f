"""What a run reports, whatever its verb did."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from stashgen.kubestash.verbs import Verb
from stashgen_controller.protocol.run_result import ErrorClass, RepositoryState, Retention
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker.environment import Environment
from stashgen_controller.worker.restic.interruption import Interruption
from stashgen_controller.worker.run import RunContext, execute
from stashgen_controller.worker.storage.local import LocalStorage

NOW = datetime(2026, 5, 4, 3, 17, tzinfo=UTC)
NOWHERE = Path("/nowhere")


def _run(verb: Verb) -> RunContext:
    environment = Environment(
        plan_file=NOWHERE,
        password_file=NOWHERE,
        data=NOWHERE,
        credentials=NOWHERE,
        termination_log=NOWHERE,
        now=lambda: NOW,
        api_url=None,
        token_file=NOWHERE,
        ca_file=NOWHERE,
        job_name=None,
        pod_uid=None,
    )
    return RunContext(
        environment=environment,
        plan=RunSpec(verb=verb, cluster_uid="u"),
        bucket=LocalStorage("file:///nowhere"),
        directory="",
        scratch=None,
        cache=False,
        interruption=Interruption(),
        started=NOW,
    )


@pytest.mark.parametrize("verb", Verb)
def test_a_verb_that_says_nothing_of_what_it_did_has_failed(verb: Verb) -> None:
    result = execute(_run(verb), lambda _: None)
    assert result.error is not None
    assert result.error.reason is ErrorClass.INTERNAL
    assert result.error.message.startswith(f"{verb} succeeded without a value in")


def _uploaded(run: RunContext) -> None:
    run.uploaded = True


def _repository(run: RunContext) -> None:
    run.repository = RepositoryState()


def _retention(run: RunContext) -> None:
    run.retention = Retention()


@pytest.mark.parametrize(
    ("verb", "work"),
    [
        (Verb.INIT_STORAGE, _uploaded),
        (Verb.INIT_REPOSITORY, _repository),
        (Verb.RETAIN, _retention),
    ],
)
def test_a_verb_that_says_what_it_found_succeeds(
    verb: Verb, work: Callable[[RunContext], None]
) -> None:
    assert execute(_run(verb), work).error is None
