"""Retention that keeps less than before is announced, and only then."""

from pathlib import PurePosixPath

import pytest

from stashgen.api.retention_policy import (
    FailedSnapshots,
    RetentionPolicySpec,
    SuccessfulSnapshots,
)
from stashgen.diagnostics import Finding, Severity
from stashgen.model.history import Previous
from stashgen.model.manifest import FileTree
from stashgen.output.histories import histories
from stashgen.output.restore_points import Loss, loss
from stashgen.output.serialize import serialize
from stashgen.output.tightened_retention import differences, tightened_retention
from stashgen.render import render
from tests.support.project import POLICY, STORAGE, claim, resolved

KEEP = "keep: {last: 2}"


def policy(**values: object) -> RetentionPolicySpec:
    failed = values.pop("failed", None)
    age = values.pop("maxAge", None)
    return RetentionPolicySpec(
        max_retention_period=str(age) if age else None,
        successful_snapshots=SuccessfulSnapshots.model_validate(values) if values else None,
        failed_snapshots=FailedSnapshots.model_validate({"last": failed}),
    )


def built(keep: str, volumes: str) -> FileTree:
    return serialize(
        "test", render(resolved(volumes, STORAGE, POLICY.replace(KEEP, f"keep: {keep}")).value)
    )


def announced(
    before: str, after: str, *, volumes: str = claim("a") + claim("b"), edit: bytes = b"\n"
) -> list[Finding]:
    """What a build says that replaces the output of one ``keep`` by that of another."""
    old = {path: text.replace(b"\n", edit) for path, text in built(before, volumes).items()}
    previous = [Previous(PurePosixPath("rendered"), old)]
    known = histories(previous).value
    value = resolved(
        volumes, STORAGE, POLICY.replace(KEEP, f"keep: {after}"), histories=known
    ).value
    made = render(value)
    return tightened_retention(value, made, known, previous, serialize("test", made))


@pytest.mark.parametrize(
    ("was", "becomes", "words"),
    [
        ({"daily": 14}, {"daily": 7}, ("daily 14 to 7",)),
        ({"daily": 14}, {"daily": 14, "weekly": 4}, ()),
        ({"daily": 14, "weekly": 8}, {"daily": 30}, ("weekly 8 to none",)),
        ({"daily": 14}, {"daily": 14, "maxAge": "30d"}, ("maxAge none to 30d",)),
        ({"daily": 14, "maxAge": "30d"}, {"daily": 14}, ()),
        ({"maxAge": "1y"}, {"maxAge": "12mo"}, ("maxAge 1y to 12mo",)),
        ({"maxAge": "4w"}, {"maxAge": "28d"}, ()),
        ({"maxAge": "90d"}, {"maxAge": "90d", "last": 3}, ("all to last 3",)),
        ({"last": 3}, {"maxAge": "90d"}, ("maxAge none to 90d",)),
        ({"last": -1}, {"last": 1000}, ("last all to 1000",)),
        ({"last": 1000, "daily": 3}, {"last": -1}, ()),
        ({"daily": 3}, {"daily": -1}, ()),
        ({"last": 1, "failed": 3}, {"last": 1}, ("failed 3 to 1",)),
        ({"last": 1}, {"last": 1, "failed": 0}, ("failed 1 to none",)),
        ({"last": 1, "maxAge": "nonsense"}, {"last": 1, "maxAge": "3d"},
         ("maxAge nonsense to 3d",)),
    ],
)  # fmt: skip
def test_every_value_that_became_smaller_is_named(
    was: dict[str, object], becomes: dict[str, object], words: tuple[str, ...]
) -> None:
    assert differences(policy(**was), policy(**becomes)) == words


def test_volumes_whose_retention_changes_alike_are_one_warning() -> None:
    (finding,) = announced("{last: 6, daily: 14}", "{last: 6, daily: 7}")
    assert finding.severity is Severity.WARNING
    assert finding.what == ('retention is tightened for volume "demo/a" and 1 other: daily 14 to 7')
    assert "about 7 of the 19 restore points" in finding.why
    assert finding.position.path == PurePosixPath("policies/1.yaml")
    assert [one.path.name for one in finding.related] == ["a.yaml"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{last: 2}", "{last: 2}"),
        ("{last: 2}", "{last: 3}"),
        ("{last: 2}", "{last: 2, daily: 7}"),
    ],
)
def test_a_build_that_keeps_as_much_or_more_says_nothing(before: str, after: str) -> None:
    assert announced(before, after) == []


def test_carriage_returns_in_the_old_output_hide_nothing() -> None:
    assert len(announced("{last: 6}", "{last: 3}", edit=b"\r\n")) == 1


@pytest.mark.parametrize(
    ("schedule", "old", "new", "expected"),
    [
        ("0 2 * * *", {"maxAge": "30d"}, {"daily": 7, "maxAge": "30d"}, Loss(30, 23)),
        ("0 */4 * * *", {"last": 6}, {"last": 1}, Loss(6, 5)),
        ("0 2 * * 0", {"yearly": 5}, {"yearly": 2}, Loss(5, 3)),
        ("*/15 * * * *", {"daily": 10, "weekly": 6, "monthly": 4},
         {"daily": 10, "weekly": 6, "monthly": 4, "maxAge": "3d"}, Loss(17, 13)),
        ("0 2 * * *", {"last": 3}, {"maxAge": "nonsense"}, None),
    ],
)  # fmt: skip
def test_the_loss_is_what_the_new_values_do_not_keep(
    schedule: str, old: dict[str, object], new: dict[str, object], expected: Loss | None
) -> None:
    assert loss(schedule, "Etc/UTC", policy(**old), policy(**new)) == expected
