"""The command line of a worker: the reference's order of resolution, and what cannot be moved."""

from collections.abc import Mapping

import pytest

from stashgen.api.addon import AddonTask
from stashgen.api.base import JsonObject
from stashgen.api.function import Function
from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.api.shared import TaskReference
from stashgen.kubestash.backends import UnsupportedStorageError
from stashgen.kubestash.pods.arguments import function_args, maintain_args, place
from tests.support import one_volume

_PLACE = {"storage": "file:///b", "directory": "demo/library", "component": "dump"}
_FLAGS = ("--storage=file:///b", "--directory=demo/library", "--component=dump")


def _args(
    *args: str,
    parameters: Mapping[str, str | None] | None = None,
    params: JsonObject | None = None,
    **variables: str,
) -> list[str]:
    function = Function.model_validate({"metadata": {"name": "f"}, "spec": {"args": args}})
    task = AddonTask.model_validate(
        {
            "name": "logical-backup",
            "parameters": [
                {"name": name, "default": default} for name, default in (parameters or {}).items()
            ],
        }
    )
    reference = TaskReference(name="logical-backup", params=params)
    made = function_args(function, task, reference, {**_PLACE, **variables})
    return [arg for arg in made if arg not in _FLAGS]


@pytest.mark.parametrize(
    ("parameters", "params", "variables", "value"),
    [
        # Ours, then the user's, then the Addon's, then the default inside, then nothing.
        ({"x": "addon"}, {"x": "user"}, {"x": "ours"}, "ours"),
        ({"x": "addon"}, {"x": "user"}, {}, "user"),
        ({"x": "addon"}, {}, {}, "addon"),
        ({"x": None}, {}, {}, "inside"),
        ({}, {}, {}, "inside"),
        ({"x": "addon"}, {"x": ""}, {}, "inside"),
        ({"x": "addon"}, {"x": None}, {}, "inside"),
    ],
)
def test_value_of_a_variable_is_resolved_in_order(
    parameters: dict[str, str | None], params: JsonObject, variables: dict[str, str], value: str
) -> None:
    made = _args("--x=${x:=inside}", parameters=parameters, params=params, **variables)
    assert made == [f"--x={value}"]


@pytest.mark.parametrize(
    ("param", "text"), [(True, "true"), (False, "false"), (3, "3"), ("a b", "a b")]
)
def test_value_of_a_parameter_is_written_as_kubestash_reads_it(param: str | int, text: str) -> None:
    assert _args("--x=${x}", params={"x": param}) == [f"--x={text}"]


def test_flag_without_a_value_goes_but_a_value_that_ends_in_an_equals_sign_stays() -> None:
    args = ("backup", "--exclude=${exclude:=}", "--paths=${paths:=}", "plain=")
    assert _args(*args, params={"exclude": "name="}) == ["backup", "--exclude=name=", "plain="]


def test_name_of_the_task_is_a_variable() -> None:
    assert _args("--task=${taskName}") == ["--task=logical-backup"]


def test_place_is_added_once_at_the_end_where_the_function_does_not_say_it() -> None:
    function = Function.model_validate(
        {"metadata": {"name": "f"}, "spec": {"args": ["backup", "--storage=${storage:=}", "--x=1"]}}
    )
    reference = TaskReference(name="logical-backup", params={"storage": "file:///elsewhere"})
    assert function_args(function, AddonTask(name="t"), reference, _PLACE) == (
        "backup", "--storage=file:///b", "--x=1", "--directory=demo/library", "--component=dump",
    )  # fmt: skip


def test_what_becomes_of_unreadable_files_reaches_a_function_that_has_no_flag_for_it() -> None:
    """KubeStash's own Function, with our worker."""
    own, none = "--on-unreadable=${onUnreadable:=}", "--x=1"
    for flag in (own, none):
        said = _args(flag, params={"onUnreadable": "warn"})
        assert [arg for arg in said if arg != none] == ["--on-unreadable=warn"]
        assert [arg for arg in _args(flag) if arg != none] == []


def test_place_of_a_repository_has_no_slash_around_its_directory() -> None:
    repository = one_volume.repository()
    spec = repository.spec.model_copy(update={"path": "/demo/library/"})
    slashed = repository.model_copy(update={"spec": spec})
    assert place(slashed, one_volume.storage(), "dump") == {
        "namespace": "demo",
        "storage": "file:///kubestash-backend",
        "directory": "demo/library",
        "component": "dump",
    }


def test_place_in_an_unsupported_storage_is_refused() -> None:
    storage = one_volume.storage()
    far = storage.model_copy(update={"spec": storage.spec.model_copy(update={"storage": None})})
    with pytest.raises(UnsupportedStorageError):
        place(one_volume.repository(), far, "dump")


@pytest.mark.parametrize(
    ("policy", "flags"),
    [
        ({}, ["--keep-failed=1"]),
        ({"failedSnapshots": {}}, ["--keep-failed=1"]),
        ({"failedSnapshots": {"last": 0}}, ["--keep-failed=0"]),
        (
            {"successfulSnapshots": {"yearly": 1, "last": 0}},
            ["--keep-last=0", "--keep-yearly=1", "--keep-failed=1"],
        ),
        (
            {"maxRetentionPeriod": "2mo", "successfulSnapshots": {"last": 5}},
            ["--keep-last=5", "--keep-failed=1", "--max-retention-period=2mo"],
        ),
    ],
)
def test_what_retention_may_delete_stands_in_the_arguments(
    policy: JsonObject, flags: list[str]
) -> None:
    retention = RetentionPolicySpec.model_validate(policy)
    made = maintain_args({"namespace": "demo", **_PLACE}, ("backup", "weekly"), retention, 0)
    assert list(made) == [
        "maintain", "--verb=$(VERB)", "--namespace=demo", *_FLAGS, "--sessions=backup,weekly",
        *flags,
    ]  # fmt: skip


def test_how_much_a_check_reads_stands_in_the_arguments() -> None:
    made = maintain_args({"namespace": "demo", **_PLACE}, ("backup",), RetentionPolicySpec(), 5)
    assert made[-1] == "--read-data=5"
