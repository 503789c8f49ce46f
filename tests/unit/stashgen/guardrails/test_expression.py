"""CEL over facts: names and types are checked before there is any data; nothing runs for ever."""

from dataclasses import replace
from datetime import timedelta

import pytest

from stashgen.guardrails.expression import Condition, ExpressionError, values
from stashgen.model.facts import CopyFacts, VolumeFacts

EU = CopyFacts("s3-eu", "s3", "eu-1", offsite=True, immutable=False, separate_prune_key=True)
FACTS = VolumeFacts(
    cluster="prod-eu",
    cluster_labels={"tier": "prod"},
    namespace="shop",
    name="data",
    labels={},
    policy="gold",
    runs=True,
    rpo=timedelta(hours=5),
    keep_for=timedelta(days=14),
    copies=1,
    storages=(EU, replace(EU, name="nas", provider="local", region="")),
    storage_rpo={"s3-eu": timedelta(hours=5), "nas": timedelta(hours=25)},
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('volume.rpo <= duration("6h")', True),
        ('volume.rpo <= duration("4h")', False),
        ('volume.keepFor >= duration("336h")', True),
        ("volume.copies >= 2", False),
        ("volume.storages.exists(s, s.separatePruneKey && s.offsite)", True),
        ("volume.storages.exists(s, s.immutable)", False),
        ('volume.storages.exists(s, s.region == "eu-1" && s.provider == "s3")', True),
        ('volume.clusterLabels["tier"] == "prod" && volume.runs', True),
        ('volume.storageRpo.exists(s, volume.storageRpo[s] > duration("24h"))', True),
        ('!("tier" in volume.labels)', True),
    ],
)
def test_expression_is_true_or_false_of_facts(text: str, *, expected: bool) -> None:
    assert Condition(text).holds(values(FACTS)) is expected


@pytest.mark.parametrize(
    ("text", "line", "column", "what"),
    [
        ("volume.rpoo > 1", 1, 7, "undeclared reference to 'volume.rpoo'"),
        ('true ||\n  volume.copies + "a" > 2', 2, 17, "found no matching overload for '_+_'"),
        ("volume.copies >=", 1, 17, "Syntax error"),
        ("volume.copies", 0, 0, "the result is a value of type int, not true or false"),
    ],
)
def test_wrong_expression_is_refused_with_its_place(
    text: str, line: int, column: int, what: str
) -> None:
    with pytest.raises(ExpressionError) as refused:
        Condition(text)
    assert str(refused.value).startswith(what)
    assert (refused.value.line, refused.value.column) == (line, column)


def test_missing_key_is_an_error_and_not_false() -> None:
    condition = Condition('volume.labels["tier"] == "prod"')
    with pytest.raises(ExpressionError, match=r'^Key not found in map : "tier"$'):
        condition.holds(values(FACTS))


def test_endless_expression_stops() -> None:
    each = "volume.storages.all({0}, {1})"
    text = "true"
    for name in "abcd":
        text = each.format(name, text)
    many = replace(FACTS, storages=(EU,) * 80)
    with pytest.raises(ExpressionError, match=r"^Iteration budget exceeded$"):
        Condition(text).holds(values(many))
