"""What the fields of ``keep`` mean together."""

import re

import pytest

from stashgen.diagnostics import Finding
from stashgen.validate.keep import keep_findings
from tests.support.project import POLICY, documents


def found(keep: str, rhythm: str = "every: 1d") -> list[Finding]:
    text = POLICY.replace("every: 1h", rhythm).replace("keep: {last: 2}", f"keep: {keep}")
    (document,) = documents(text, "policies/shop.yaml")
    return list(keep_findings(document))


def advised(finding: Finding) -> str:
    """The period that a finding suggests."""
    match = re.search(r'at least "(.+?)"', finding.fix)
    assert match is not None
    return match[1]


@pytest.mark.parametrize(
    "keep",
    [
        "{daily: 14, weekly: 8, maxAge: 180d}",
        "{daily: 14, maxAge: 14d}",
        "{last: 14, maxAge: 14d}",
        "{monthly: 12, maxAge: 1y}",
        "{yearly: 1, maxAge: 30d}",
        "{last: 1, maxAge: 1h}",
        "{daily: 0, last: 3, maxAge: 7d}",
        "{monthly: 4}",
        "{maxAge: 3d}",
        "{monthly: 4, maxAge: soon}",
        "{monthly: many, maxAge: 3d}",
    ],
)
def test_counts_within_the_age_are_accepted(keep: str) -> None:
    assert found(keep) == []


@pytest.mark.parametrize(
    ("keep", "rhythm", "fits", "period"),
    [
        ("{monthly: 4, maxAge: 3d}", "every: 4h", 1, "4mo"),
        ("{daily: 15, maxAge: 14d}", "every: 1d", 14, "15d"),
        ("{hourly: 48, maxAge: 1d}", "every: 15m", 24, "48h"),
        ("{last: 100, maxAge: 7d}", "every: 4h", 42, "400h"),
        ("{daily: 14, maxAge: 30d}", 'schedule: "H 3 * * 0"', 5, "98d"),
        ("{last: 10, maxAge: 7d}", "every: 7d", 1, "70d"),
    ],
)
def test_a_count_past_the_age_is_an_error_with_numbers_that_help(
    keep: str, rhythm: str, fits: int, period: str
) -> None:
    (finding,) = found(keep, rhythm)
    assert finding.code == "SG406"
    assert f"at most {fits} of" in finding.why
    assert advised(finding) == period
    name, count = re.findall(r"(\w+): (\d+),", keep)[0]
    assert found(keep.replace(f"{name}: {count}", f"{name}: {fits}"), rhythm) == []
    assert found(re.sub(r"maxAge: \w+", f"maxAge: {period}", keep), rhythm) == []


def test_a_count_beyond_reason_is_an_error_too() -> None:
    (finding,) = found("{yearly: 2000000000, maxAge: 1y}")
    assert finding.fix == "lower yearly to 1, or remove maxAge"


def test_each_count_is_judged_by_itself() -> None:
    findings = found("{daily: 10, weekly: 6, monthly: 4, maxAge: 3d}")
    assert [one.what.split()[0] for one in findings] == ["daily", "weekly", "monthly"]


@pytest.mark.parametrize("rhythm", ["every: 5h", "every: 1 day", 'schedule: "0 0 31 2 *"'])
def test_a_schedule_that_is_wrong_itself_hides_nothing_else(rhythm: str) -> None:
    assert [one.code for one in found("{monthly: 4, maxAge: 3d}", rhythm)] == ["SG406"]
