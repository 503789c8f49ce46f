"""A plan of a change that breaks a rule, and of one that mends it."""

import shutil
from pathlib import Path

import pytest

from stashgen.cli.main import run

CASE = Path(__file__).parents[4] / "tests" / "golden" / "cases" / "guardrails" / "input"


@pytest.fixture(name="states")
def fixture_states(tmp_path: Path) -> tuple[str, str]:
    """A project that keeps its rules, and one that does not."""
    kept, broken = tmp_path / "kept", tmp_path / "broken"
    for folder in (kept, broken):
        shutil.copytree(CASE, folder)
    policy = broken / "policies" / "policies.yaml"
    policy.write_text(policy.read_text("utf-8").replace("every: 4h", "every: 12h"), "utf-8")
    return str(kept), str(broken)


def test_change_that_breaks_a_rule_has_its_finding_in_place_of_a_plan(
    states: tuple[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    kept, broken = states
    assert run(["plan", kept, broken, "--format", "markdown"]) == 1
    printed = capfd.readouterr()
    assert 'break rule "gold/rpo": the newest backup may be 13h old' in printed.err
    assert "SG901" in printed.out


def test_change_that_mends_a_rule_has_a_plan(
    states: tuple[str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    kept, broken = states
    assert run(["plan", broken, kept]) == 0
    printed = capfd.readouterr()
    assert 'is compared all the same: volume "shop/carts" and 1 other break rule' in printed.out
    assert "13h" in printed.out
