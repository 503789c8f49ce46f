"""What annotations of claims and namespaces may decide."""

import pytest

from stashgen.diagnostics import Outcome
from stashgen.model.resolved import Resolved
from tests.support.project import POLICY, STORAGE, claim, codes, resolved
from tests.unit.stashgen.resolve.test_retirement import history

_ALL = "{every: {atLeast: 15m, atMost: 12h}, policy: [other], optOut: {needs: [owner]}}"
_OTHER = POLICY.replace("hourly", "other").replace(
    "select: {exclude: [{volumes: {names: [backup-store]}}]}", "paused: true"
)


def _claim(**annotations: str) -> str:
    said = ", ".join(f'stashgen.dev/{key}: "{value}"' for key, value in annotations.items())
    return claim(
        "library", more=f"annotations: {{{said.replace('opt_out_', 'opt-out-')}}}"
    ).replace("opt_out", "opt-out")


def _namespace(key: str, value: str) -> str:
    annotations = f'{{stashgen.dev/{key}: "{value}"}}'
    return (
        "---\napiVersion: v1\nkind: Namespace\n"
        f"metadata: {{name: demo, annotations: {annotations}}}\n"
    )


def _resolved(inventory: str, delegate: str = _ALL) -> Outcome[Resolved]:
    return resolved(inventory, STORAGE, POLICY + f"  delegate: {delegate}\n", _OTHER)


@pytest.mark.parametrize(
    ("annotations", "what"),
    [
        ({"every": "10m"}, "outside the bounds"),
        ({"every": "1d"}, "outside the bounds"),
        ({"every": "${EVERY}"}, "cannot be read"),
        ({"policy": "nobody"}, 'it allows "other"'),
        ({"policy": ""}, 'it allows "other"'),
        ({"opt_out": "true"}, "has no reason"),
        ({"opt_out": "a cache"}, "has no owner"),
        ({"opt_out": "${WHY}", "opt_out_owner": "me"}, "has no reason"),
    ],
)
def test_annotation_outside_the_bounds_is_an_error_at_its_line(
    annotations: dict[str, str], what: str
) -> None:
    outcome = _resolved(_claim(**annotations))
    (found,) = [one for one in outcome.findings if one.code == "SG543"]
    assert what in found.what
    assert str(found.position).startswith("clusters/dem1.yaml:4:")
    assert str(found.related[0]).startswith("policies/1.yaml:10:")
    assert not outcome.ok


@pytest.mark.parametrize(
    "annotations", [{"every": "1h"}, {"policy": "other"}, {"opt_out": "a cache"}]
)
def test_nothing_is_delegated_by_itself(annotations: dict[str, str]) -> None:
    assert codes(_resolved(_claim(**annotations), "{}").findings) == ["SG543"]


def test_interval_within_the_bounds_is_the_first_sessions() -> None:
    (protection,) = _resolved(_claim(every="30m")).value.protections
    assert "/30" in protection.sessions[0].schedule


def test_claim_wins_over_its_namespace() -> None:
    inventory = _namespace("every", "6h") + _claim(every="30m") + claim("other")
    found = {one.volume.key.name: one for one in _resolved(inventory).value.protections}
    assert "/30" in found["library"].sessions[0].schedule
    assert "/6" in found["other"].sessions[0].schedule


def test_volume_is_moved_to_a_policy_that_is_offered() -> None:
    (protection,) = _resolved(_claim(policy="other")).value.protections
    assert (protection.policy, protection.paused) == ("other", True)


def test_bounds_of_the_policy_that_protects_count() -> None:
    outcome = _resolved(_claim(policy="other", every="1h"))
    (found,) = outcome.findings
    assert 'policy "other" does not allow an annotation' in found.what


def test_volume_that_is_opted_out_counts_as_excluded() -> None:
    outcome = _resolved(_claim(opt_out="a cache", opt_out_owner="me"))
    assert codes(outcome.findings) == []
    coverage = outcome.value.coverage
    assert (coverage.protected, coverage.excluded, coverage.unprotected) == (0, 1, ())


def test_opt_out_of_a_volume_that_was_backed_up_loses_it_and_is_named() -> None:
    inventory = _claim(opt_out="a cache", opt_out_owner="me")
    policy = POLICY + f"  delegate: {_ALL}\n"
    outcome = resolved(inventory, STORAGE, policy, _OTHER, histories=(history(),))
    (found,) = [one for one in outcome.findings if one.code == "SG705"]
    assert "a cache" in found.why


def test_volume_that_no_policy_selects_is_opted_out_with_a_reason_and_nothing_else() -> None:
    policy = POLICY.replace("select: {", "select: {volumes: {names: [web]}, ")
    web = claim("web")
    outcome = resolved(web + _claim(opt_out="a cache"), STORAGE, policy)
    assert codes(outcome.findings) == []
    assert outcome.value.coverage.excluded == 1
    assert codes(resolved(web + _claim(opt_out="true"), STORAGE, policy).findings) == ["SG530"]
    assert codes(resolved(web + _claim(every="1h"), STORAGE, policy).findings) == ["SG543"]


def test_unknown_annotation_is_a_warning() -> None:
    outcome = _resolved(_claim(evry="1h"))
    assert codes(outcome.findings) == ["SG544"]
    assert outcome.ok


def test_paths_are_those_of_every_session() -> None:
    outcome = _resolved(_claim(paths="data, /conf/app.ini/"), "{paths: allowed}")
    assert outcome.findings == ()
    assert {one.paths for one in outcome.value.protections[0].sessions} == {
        ("data", "conf/app.ini")
    }


def test_interval_keeps_the_window_and_refuses_to_drop_hours() -> None:
    window = POLICY.replace("every: 1h", 'every: 1d, between: "22:00-04:00"')
    hours = POLICY.replace("every: 1h", 'schedule: "H H(1-4) * * *"')
    more = f"  delegate: {_ALL}\n"
    (kept,) = resolved(_claim(every="2h"), STORAGE, window + more, _OTHER).value.protections
    hour = kept.sessions[0].schedule.split()[1]
    assert {*hour.split(",")} <= {"22", "0", "2", "23", "1", "3"}
    assert codes(resolved(_claim(every="2h"), STORAGE, hours + more, _OTHER).findings) == ["SG543"]
