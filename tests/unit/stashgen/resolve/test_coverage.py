"""What is counted as protected, excluded, unprotected or unknown, and why nothing protects it."""

from stashgen.diagnostics import Severity
from stashgen.model.coverage import Coverage
from tests.support.project import POLICY, PROJECT, STORAGE, claim, codes, namespace, resolved

_SELECT = "select: {exclude: [{volumes: {names: [backup-store]}}]}"
_TWO = PROJECT.replace(
    "  clusters:", "  clusters:\n  - {name: site, id: two2, inventory: [{manifests: [a]}]}"
)


def _policy(select: str) -> str:
    assert _SELECT in POLICY
    return POLICY.replace(_SELECT, f"select: {select}")


def test_claim_that_a_policy_excludes_or_that_holds_backups_is_excluded() -> None:
    inventory = claim("web") + claim("web-cache") + claim("backup-store")
    policy = _policy("{volumes: {names: ['web*']}, exclude: [{volumes: {names: ['*-cache']}}]}")
    outcome = resolved(inventory, STORAGE, policy)
    assert outcome.findings == ()
    assert outcome.value.coverage == Coverage(1, 2, (), 0)


def test_what_no_backup_runs_of_is_paused_and_not_protected() -> None:
    paused = POLICY.replace("spec:\n", "spec:\n  paused: true\n", 1)
    coverage = resolved(claim("web") + claim("api"), STORAGE, paused).value.coverage
    assert coverage == Coverage(0, 0, (), 0, ("demo/api", "demo/web"))


def test_claim_that_one_policy_excludes_and_another_selects_is_protected() -> None:
    other = _policy("{volumes: {names: [web]}}").replace("hourly", "other")
    exclude = _policy("{volumes: {names: [web, api]}, exclude: [{volumes: {names: [web]}}]}")
    coverage = resolved(claim("web") + claim("api"), STORAGE, exclude, other).value.coverage
    assert coverage == Coverage(2, 0, (), 0)


def test_exclusion_counts_only_for_what_the_policy_would_select() -> None:
    policy = _policy("{namespaces: {names: [demo]}, exclude: [{volumes: {names: ['*-cache']}}]}")
    coverage = resolved(claim("web") + claim("a-cache", "other"), STORAGE, policy).value.coverage
    assert coverage.unprotected == ("other/a-cache",)


def test_volumes_that_a_selector_misses_for_one_reason_are_one_warning_with_all_names() -> None:
    inventory = claim("web") + claim("a", "bank") + claim("b", "bank") + claim("c", "shop")
    outcome = resolved(inventory, STORAGE, _policy("{namespaces: {names: [demo]}}"))
    assert codes(outcome.findings) == ["SG530", "SG530"]
    bank, shop = outcome.findings
    assert bank.severity is Severity.WARNING
    assert bank.what == "no policy protects bank/a, bank/b"
    assert bank.why.startswith('policy "hourly" selects namespaces "demo"; ')
    assert shop.what == "no policy protects shop/c"
    assert [str(place) for place in bank.related] == [
        "policies/1.yaml:6:32",
        "clusters/dem1.yaml:12:1",
    ]
    assert outcome.value.coverage.unprotected == ("bank/a", "bank/b", "shop/c")


def test_reason_names_no_volume_if_there_are_several() -> None:
    inventory = claim("web") + claim("a") + claim("b")
    outcome = resolved(inventory, STORAGE, _policy("{volumes: {names: [web]}}"))
    (found,) = outcome.findings
    assert found.why.startswith('policy "hourly" selects volumes "web"; ')


def test_label_that_is_missing_is_the_reason() -> None:
    inventory = claim("web", more="labels: {tier: gold}") + claim("api") + namespace("demo")
    outcome = resolved(inventory, STORAGE, _policy("{volumes: {matchLabels: {tier: gold}}}"))
    (found,) = outcome.findings
    assert 'requires label "tier: gold", but the claim has no such label' in found.why


def test_names_have_the_cluster_if_there_are_several() -> None:
    outcome = resolved(
        claim("web") + claim("api"),
        STORAGE,
        _policy("{volumes: {names: [web]}}"),
        project=_TWO,
        others={"two2": claim("api")},
    )
    assert outcome.value.coverage.unprotected == ("demo/demo/api", "site/demo/api")


def test_retired_claim_is_left_out_on_purpose() -> None:
    project = PROJECT + (
        "  retired: [{volume: demo/old, cluster: dem1, until: '2026-12-31', reason: gone}]\n"
    )
    outcome = resolved(
        claim("web") + claim("old"), STORAGE, _policy("{volumes: {names: [web]}}"), project=project
    )
    assert outcome.value.coverage == Coverage(1, 1, (), 0)
