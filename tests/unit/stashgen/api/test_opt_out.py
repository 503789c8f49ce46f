"""Opt-outs of claims and namespaces."""

from datetime import date

import pytest

from stashgen.api.opt_out import OptOut, opt_out

_TODAY = date(2026, 3, 1)
_OUT = "stashgen.dev/opt-out"


@pytest.mark.parametrize("value", ["", " ", "false", "False", "no", "off", "0"])
def test_what_is_no_opt_out(value: str) -> None:
    assert opt_out({_OUT: value}, {_OUT: "a playground"}) is None


@pytest.mark.parametrize("value", ["true", "True", "yes", "on", "1"])
def test_a_boolean_is_no_reason(value: str) -> None:
    assert opt_out({_OUT: value}, {}) == OptOut("", "", "")


def test_without_an_annotation_there_is_none() -> None:
    assert opt_out({f"{_OUT}-reason": "a cache"}, {}) is None


def test_the_value_is_the_reason_or_true() -> None:
    assert opt_out({_OUT: "a cache"}, {}) == OptOut("a cache", "", "")
    more = {f"{_OUT}-reason": "a cache", f"{_OUT}-owner": "me", f"{_OUT}-until": "2026-03-01"}
    assert opt_out({_OUT: "true", **more}, {}) == OptOut("a cache", "me", "2026-03-01")
    assert opt_out({_OUT: "true"}, {}) == OptOut("", "", "")


def test_a_claim_without_one_has_its_namespaces_as_a_whole() -> None:
    namespace = {_OUT: "a playground", f"{_OUT}-owner": "me"}
    assert opt_out({f"{_OUT}-owner": "you"}, namespace) == OptOut("a playground", "me", "")
    assert opt_out({_OUT: "a cache"}, namespace) == OptOut("a cache", "", "")
    assert opt_out({_OUT: "false"}, namespace) is None


@pytest.mark.parametrize(
    ("reason", "until", "holds"),
    [
        ("", "", False),
        ("", "2026-03-01", False),
        ("why", "", True),
        ("why", "2026-03-01", True),
        ("why", "2026-02-28", False),
        ("why", "soon", False),
    ],
)
def test_it_holds_with_a_reason_until_the_end_of_its_day(
    reason: str, until: str, holds: bool
) -> None:
    assert OptOut(reason, "", until).holds(_TODAY) is holds
