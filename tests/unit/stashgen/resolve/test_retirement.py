"""What was protected may not vanish: written on, retired by name, or an error."""

from datetime import date
from pathlib import PurePosixPath

import pytest

from stashgen.diagnostics import Severity
from stashgen.model.history import History, RetiredHistory
from stashgen.model.inventory import VolumeKey
from tests.support.project import (
    EXCLUDE,
    POLICY,
    PROJECT,
    STORAGE,
    claim,
    codes,
    namespace,
    resolved,
)

KEY = VolumeKey("dem1", "demo", "library")
_LIVE = resolved(claim("library")).value.protections[0]
REPOSITORY = _LIVE.sessions[0].copies[0].repository
PAST, TODAY, LATER = date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 2)


def history(
    key: VolumeKey = KEY,
    repository: str = REPOSITORY,
    until: date | None = None,
    folder: str = "demo/demo",
) -> History:
    path = PurePosixPath(folder, f"{key.name}.yaml")
    return History(key, repository, PurePosixPath("rendered"), path, until)


def project(*entries: str, text: str = PROJECT) -> str:
    return text + "  retired:\n" + "".join(f"  - {{{entry}, reason: why}}\n" for entry in entries)


def entry(
    until: date = LATER, volume: str = "demo/library", cluster: str = "dem1", more: str = ""
) -> str:
    return f'volume: {volume}, cluster: {cluster}, until: "{until.isoformat()}"{more}'


def test_a_volume_that_is_still_written_is_nobodys_business() -> None:
    outcome = resolved(claim("library"), histories=(history(),))
    assert (outcome.findings, outcome.value.retired) == ((), ())


def test_the_name_of_the_cluster_may_change() -> None:
    renamed = PROJECT.replace("name: demo, id", "name: other, id")
    assert resolved(claim("library"), project=renamed, histories=(history(),)).findings == ()


@pytest.mark.parametrize(
    ("inventory", "policy", "why"),
    [
        (claim("web"), POLICY, "the inventory no longer has this claim; a deleted claim"),
        (claim("web") + claim("library", "far"), POLICY, '(it has "far/library")'),
        (claim("libary"), POLICY, '(it has "demo/libary")'),
        (
            claim("library") + claim("web"),
            POLICY.replace("[backup-store]", "['lib*']"),
            'policy "hourly" excludes it',
        ),
        (
            claim("library") + claim("web"),
            POLICY.replace(EXCLUDE, "volumes: {names: ['w*', x]}"),
            'policy "hourly" selects volumes "w*", "x", not "library"',
        ),
        (
            claim("library", more="labels: {tier: golden}")
            + claim("web", more="labels: {tier: gold}"),
            POLICY.replace(EXCLUDE, "volumes: {matchLabels: {tier: gold}}"),
            'requires label "tier: gold", but the claim has "golden"',
        ),
        (
            claim("library") + claim("web", more="labels: {tier: gold}"),
            POLICY.replace(EXCLUDE, "volumes: {matchLabels: {tier: gold}}"),
            'requires label "tier: gold", but the claim has no such label',
        ),
        (
            claim("library") + namespace("demo", tier="silver") + claim("web", "gold"),
            POLICY.replace("select: {", "select: {namespaces: {names: [gold]}, "),
            'policy "hourly" selects namespaces "gold", not "demo"',
        ),
        (
            claim("library") + namespace("demo", tier="silver"),
            POLICY.replace("select: {", "select: {namespaces: {matchLabels: {tier: gold}}, "),
            'requires label "tier: gold", but namespace "demo" has "silver"',
        ),
        (
            claim("library"),
            POLICY.replace("select: {", "select: {namespaces: {matchLabels: {tier: gold}}, "),
            'selects namespaces by label, but the labels of "demo" are unknown',
        ),
    ],
)
def test_a_lost_volume_is_an_error_that_says_why_and_how_to_retire_it(
    inventory: str, policy: str, why: str
) -> None:
    outcome = resolved(inventory, STORAGE, policy, histories=(history(),))
    found = next(item for item in outcome.findings if item.code == "SG705")
    assert not outcome.ok
    assert found.severity is Severity.ERROR
    assert str(found.position) == "rendered/demo/demo/library.yaml:1:1"
    assert 'volume "demo/library" of cluster "dem1" was backed up' in found.what
    assert why in found.why
    assert '{volume: demo/library, cluster: dem1, until: "YYYY-MM-DD", reason: "..."}' in found.fix
    assert outcome.value.retired == ()


def test_the_policy_that_lacks_least_is_the_near_miss() -> None:
    far = POLICY.replace("hourly", "a").replace(
        "select: {exclude: [{volumes: {names: [backup-store]}}]}",
        "select: {namespaces: {names: [far]}, volumes: {names: ['x*']}}",
    )
    near = POLICY.replace(EXCLUDE, "volumes: {names: ['w*']}")
    inventory = claim("library") + claim("web") + claim("x", "far")
    outcome = resolved(inventory, STORAGE, far, near, histories=(history(),))
    found = next(item for item in outcome.findings if item.code == "SG705")
    assert 'policy "hourly" selects volumes' in found.why
    assert str(found.related[0]) == "policies/2.yaml:6:29"


def test_a_lost_volume_is_told_once_however_many_copies_it_has() -> None:
    both = (history(), history(repository="nas-00000"))
    outcome = resolved(claim("web"), STORAGE, POLICY, histories=both)
    assert codes(outcome.findings) == ["SG705"]


def test_a_cluster_that_is_gone_loses_its_volumes() -> None:
    gone = history(VolumeKey("old1", "demo", "library"))
    outcome = resolved(claim("library"), histories=(gone,))
    assert codes(outcome.findings) == ["SG705"]
    assert 'no longer has a cluster with id "old1"' in outcome.findings[0].why


def test_a_volume_with_another_error_is_not_lost_too() -> None:
    block = claim("library").replace("spec: {", "spec: {volumeMode: Block, ")
    assert codes(resolved(block, histories=(history(),)).findings) == ["SG519"]


def test_another_storage_leaves_a_history_behind() -> None:
    outcome = resolved(claim("library"), histories=(history(repository="nas-00000"),))
    assert codes(outcome.findings) == ["SG706"]
    assert "repository: nas-00000, until" in outcome.findings[0].fix
    kept = resolved(
        claim("library"),
        project=project(entry(more=", repository: nas-00000")),
        histories=(history(repository="nas-00000"), history()),
    )
    assert kept.findings == ()
    assert [item.history.repository for item in kept.value.retired] == ["nas-00000"]


def test_an_entry_keeps_every_history_of_a_volume_that_is_gone() -> None:
    gone = (history(), history(repository="nas-00000", until=PAST))
    outcome = resolved(claim("web"), project=project(entry()), histories=gone)
    assert outcome.findings == ()
    folder = PurePosixPath("demo/demo")
    assert outcome.value.retired == tuple(RetiredHistory(one, LATER, folder) for one in gone)


def test_a_retired_history_moves_with_the_name_of_its_cluster() -> None:
    for cluster, folder in (("dem1", "demo/demo"), ("old1", "before/demo")):
        gone = history(VolumeKey(cluster, "demo", "library"), folder="before/demo")
        made = resolved(
            claim("web"), project=project(entry(cluster=cluster)), histories=(gone,)
        ).value.retired
        assert [str(one.folder) for one in made] == [folder]


@pytest.mark.parametrize("until", [TODAY, LATER])
def test_a_retired_history_is_kept_to_its_date_without_its_entry_too(until: date) -> None:
    outcome = resolved(claim("web"), histories=(history(until=until),))
    assert codes(outcome.findings) == ["SG707"]
    assert f'until: "{until.isoformat()}"' in outcome.findings[0].fix


def test_after_its_date_a_history_goes_with_its_entry_and_not_by_itself() -> None:
    old = (history(until=PAST),)
    gone = resolved(claim("web"), histories=old)
    assert (gone.findings, gone.value.retired) == ((), ())
    kept = resolved(claim("web"), project=project(entry(PAST)), histories=old)
    assert codes(kept.findings) == ["SG710"]
    assert kept.ok
    assert len(kept.value.retired) == 1


@pytest.mark.parametrize("more", ["", f", repository: {REPOSITORY}"])
def test_an_entry_for_a_volume_that_is_backed_up_is_refused(more: str) -> None:
    outcome = resolved(claim("library"), project=project(entry(more=more)), histories=(history(),))
    assert codes(outcome.findings) == ["SG708"]


def test_an_entry_for_a_whole_volume_never_covers_what_another_storage_left_behind() -> None:
    both = (history(), history(repository="nas-00000"))
    outcome = resolved(claim("library"), project=project(entry()), histories=both)
    assert codes(outcome.findings) == ["SG706", "SG708"]


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        (entry(volume="demo/libary"), "did you mean volume demo/library of cluster dem1?"),
        (entry(cluster="demo"), "did you mean volume demo/library of cluster dem1?"),
        (entry(more=", repository: nas-1"), f"its repositories are {REPOSITORY}"),
        (entry(volume="x/y", cluster="zzzz"), "restore the history's file from Git"),
    ],
)
def test_an_entry_that_names_no_history_is_refused(text: str, fix: str) -> None:
    outcome = resolved(claim("web"), project=project(text), histories=(history(),))
    assert codes(outcome.findings) == ["SG705", "SG709"]
    assert outcome.findings[1].fix.startswith(fix)


def test_a_project_may_end_with_retired_volumes_alone() -> None:
    outcome = resolved(claim("library"), STORAGE, project=project(entry()), histories=(history(),))
    assert codes(outcome.findings) == ["SG518"]
    assert len(outcome.value.retired) == 1
