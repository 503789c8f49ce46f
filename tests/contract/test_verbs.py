"""The registry of the worker's verbs is complete: a row, a pod, a module, a command line each."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from stashgen.kubestash.verbs import PODS, REPOSITORY_TEMPLATES, TRIGGER, VERBS, Template, Verb
from stashgen_controller.protocol.run_result import RunResult
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker import command, execution, verbs
from stashgen_controller.worker.verbs import (
    backup,
    init_repository,
    init_storage,
    restore,
    resync,
    retain,
    upkeep,
)

ROOT = Path(__file__).parents[2]
RENDERED = ROOT / "tests/golden/cases/one-volume/expected"
MODULES: Mapping[Verb, verbs.VerbModule] = {
    Verb.INIT_STORAGE: init_storage,
    Verb.INIT_REPOSITORY: init_repository,
    Verb.BACKUP: backup,
    Verb.RESTORE: restore,
    Verb.RETAIN: retain,
    Verb.RESYNC: resync,
    Verb.UPKEEP: upkeep,
}
# Besides the registry: kubectl's verbs, restic's commands and a resource's short name are others.
_MAY_NAME = (
    "kubestash/verbs.py",
    "api/definitions.py",
    "api/pod.py",
    "kubectl/",
    "worker/restic/",
    "worker/verbs/",
)


def test_every_verb_has_a_row_and_a_module() -> None:
    assert set(VERBS) == set(Verb) == set(MODULES)
    for verb, module in MODULES.items():
        assert verbs.load(verb) is module


def test_every_pod_carries_a_verb_and_every_template_is_a_pod() -> None:
    assert set(PODS) == set(Template) == {row.template for row in VERBS.values()}
    assert {*REPOSITORY_TEMPLATES, Template.INIT_STORAGE} == set(Template)


def test_rows_name_fields_of_plans_and_results() -> None:
    assert {name for row in VERBS.values() for name in row.plan} <= RunSpec.model_fields.keys()
    assert {row.result for row in VERBS.values()} <= RunResult.model_fields.keys()


@pytest.mark.parametrize("verb", Verb)
def test_a_plan_has_nothing_that_its_verb_does_not_use(verb: Verb) -> None:
    useless = RunSpec.model_fields.keys() - VERBS[verb].plan
    for name in useless - {"attempt", "cluster_uid", "deadline", "verb"}:
        plan = RunSpec(verb=verb, cluster_uid="u").model_copy(update={name: None})
        with pytest.raises(ValueError, match=f"{verb} has no use for {name}"):
            plan.to_json()


def _rendered_args() -> Iterator[list[str]]:
    for path in sorted(RENDERED.rglob("*.yaml")):
        for item in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            if item["kind"] == "PodTemplate":
                yield item["template"]["spec"]["containers"][0]["args"]


def test_the_worker_understands_every_command_line_that_is_rendered() -> None:
    seen = set()
    for args in _rendered_args():
        template = Template(args[0])
        for verb in (one for one, row in VERBS.items() if row.template is template):
            line = [arg.replace("$(VERB)", verb) for arg in args]
            chosen, rest = command.parser().parse_known_args(line)
            assert (chosen.command, chosen.verb) == (template, verb)
            parsed = execution.arguments(template, MODULES[verb]).parse_args(rest)
            subject = MODULES[verb].subject(RunSpec(verb=verb, cluster_uid="u"))
            assert all(hasattr(parsed, name) for name in subject)
            seen.add(verb)
    assert seen == set(Verb)


def test_verbs_and_templates_are_named_by_the_registry_alone() -> None:
    # A block of a policy and a part of a status are called upkeep, too.
    names = {*Verb, *Template, TRIGGER} - {Verb.UPKEEP}
    strangers = [
        str(path.relative_to(ROOT))
        for folder in ("stashgen", "controller/stashgen_controller")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if not any(part in path.as_posix() for part in _MAY_NAME)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert strangers == []
