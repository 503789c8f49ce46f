"""Whether a volume is what selectors match."""

from pathlib import PurePosixPath

import pytest

from stashgen.diagnostics import Position
from stashgen.model.inventory import Inventory, Volume, VolumeKey, Workload
from stashgen.policy.project import Project
from stashgen.policy.selectors import Match
from stashgen.resolve.matching import Answer, Facts
from tests.support.project import PROJECT, documents

_HERE = Position(PurePosixPath("a.yaml"))
_LABELS = {("dem1", "bank"): {"tier": "gold", "env": "prod"}}


def _workload(kind: str = "StatefulSet", labels: dict[str, str] | None = None) -> Workload:
    return Workload(kind, "db", labels, None, (), None, True, _HERE)


_VOLUME = Volume(
    VolumeKey("dem1", "bank", "ledger-a"),
    {"app": "ledger"},
    ("ReadWriteOnce",),
    _HERE,
    workloads=(_workload(labels={"app": "db"}),),
    storage_class="fast-ssd",
    size_bytes=10 * 1024**3,
)
_BARE = Volume(VolumeKey("dem1", "other", "ledger-a"), {}, (), _HERE)


def _facts() -> Facts:
    (document,) = documents(PROJECT.replace("id: dem1", "id: dem1, labels: {region: eu}"), "p.yaml")
    return Facts.of(Project.model_validate(document.data), Inventory((), _LABELS))


def _matches(text: str, volume: Volume = _VOLUME) -> Answer:
    (document,) = documents(f"match: {text}\n", "match.yaml")
    return _facts().matches(Match.model_validate(document.data["match"]), volume)


@pytest.mark.parametrize(
    "match",
    [
        "{}",
        "{workloads: {}, volumes: {size: {}}}",
        "{clusters: {names: [d*], matchLabels: {region: eu}}}",
        "{namespaces: {matchExpressions: [{key: tier, operator: In, values: [gold, silver]}]}}",
        "{namespaces: {matchExpressions: [{key: x, operator: NotIn, values: [z]}]}}",
        "{namespaces: {matchExpressions: [{key: env, operator: Exists}]}}",
        "{namespaces: {matchExpressions: [{key: x, operator: DoesNotExist}]}}",
        "{volumes: {names: ['bank/ledger-*']}}",
        "{volumes: {names: ['*/ledger-?']}}",
        "{volumes: {names: [other, ledger-a]}}",
        "{volumes: {storageClasses: ['fast*'], accessModes: [ReadWriteOnce, ReadWriteMany]}}",
        "{volumes: {size: {atLeast: 10Gi, atMost: 10240Mi}}}",
        "{workloads: {kinds: [Deployment, StatefulSet], names: [db], matchLabels: {app: db}}}",
    ],
)
def test_volume_that_all_selectors_match(match: str) -> None:
    assert _matches(match) is Answer.YES


@pytest.mark.parametrize(
    "match",
    [
        "{clusters: {names: [x]}}",
        "{clusters: {matchLabels: {region: us}}}",
        "{namespaces: {matchExpressions: [{key: tier, operator: NotIn, values: [gold]}]}}",
        "{volumes: {names: ['other/ledger-*']}}",
        "{volumes: {names: ['LEDGER-A']}}",
        "{volumes: {storageClasses: [FAST-SSD]}}",
        "{volumes: {accessModes: [ReadWriteOncePod]}}",
        "{volumes: {size: {atLeast: 11Gi}}}",
        "{volumes: {size: {atMost: 10G}}}",
        "{workloads: {kinds: [Deployment]}}",
        "{workloads: {matchLabels: {app: web}}}",
        "{namespaces: {names: [bank]}, volumes: {names: [x]}}",
    ],
)
def test_volume_that_a_selector_does_not_match(match: str) -> None:
    assert _matches(match) is Answer.NO


@pytest.mark.parametrize(
    "match",
    [
        "{namespaces: {matchLabels: {tier: gold}}}",
        "{namespaces: {matchExpressions: [{key: tier, operator: DoesNotExist}]}}",
        "{workloads: {kinds: [StatefulSet]}}",
        "{volumes: {storageClasses: ['*']}}",
        "{volumes: {size: {atLeast: '0'}}}",
    ],
)
def test_what_the_inventory_does_not_have_cannot_be_told(match: str) -> None:
    assert _matches(match, _BARE) is Answer.UNKNOWN
    # Unless something else settles it.
    assert _matches(match[:-1] + ", clusters: {names: [x]}}", _BARE) is Answer.NO


def test_labels_of_a_workload_may_be_unknown() -> None:
    text = "{workloads: {kinds: [StatefulSet], matchLabels: {app: db}}}"
    hidden = Volume(_VOLUME.key, {}, (), _HERE, workloads=(_workload(),))
    assert _matches(text, hidden) is Answer.UNKNOWN
    both = Volume(_VOLUME.key, {}, (), _HERE, workloads=(_workload(), *_VOLUME.workloads))
    assert _matches(text, both) is Answer.YES


def test_volume_of_unknown_size_or_class_is_not_excluded() -> None:
    (document,) = documents("match: {volumes: {storageClasses: [scratch]}}\n", "match.yaml")
    match = Match.model_validate(document.data["match"])
    assert _facts().excludes(match, _BARE) is Answer.NO
