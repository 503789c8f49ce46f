"""Flux' variables in texts."""

import pytest

from stashgen.inventory.kustomize.substitution import Variables, substitute

KNOWN = Variables({"APP": "wiki", "SPACE": "home", "EMPTY": ""}, frozenset({"PASSWORD"}))


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("no variables", "no variables"),
        ("${APP}", "wiki"),
        ("${APP}-${SPACE}", "wiki-home"),
        ("${CLAIM:=${APP}}", "wiki"),
        ("${CLAIM:-${APP}-data}", "wiki-data"),
        ("${CLAIM:=${OTHER:-${APP}}}-x", "wiki-x"),
        ("${CLAIM-5Gi}", "5Gi"),
        ("${CLAIM:=}", ""),
        ("${EMPTY:=full}", "full"),
        ("${EMPTY}", ""),
        ("$APP $(APP)", "$APP $(APP)"),
        ("$${APP}", "${APP}"),
        ("a$${APP}-${APP}", "a${APP}-wiki"),
        ("${APP", "${APP"),
        ("${}", "${}"),
        ("${1APP}", "${1APP}"),
        # Nothing is known of it.
        ("${UNKNOWN}", "${UNKNOWN}"),
        ("${PASSWORD:-none}", "${PASSWORD:-none}"),
        ("${CLAIM:=${PASSWORD}}", "${PASSWORD}"),
        # Not evaluated.
        ("${APP^^}", "${APP^^}"),
        ("${APP:0:2}", "${APP:0:2}"),
        ("${APP/w/t}", "${APP/w/t}"),
        ("${ÄPP:-x}", "${ÄPP:-x}"),
    ],
)
def test_what_is_known_is_filled_in_and_the_rest_stays(text: str, filled: str) -> None:
    assert substitute(text, KNOWN) == filled


def test_a_default_counts_only_if_nothing_else_may_set_the_variable() -> None:
    more = Variables({"APP": "wiki"}, has_more=True)
    assert substitute("${CLAIM:=${APP}} ${APP}", more) == "${CLAIM:=${APP}} wiki"


def test_flux_removes_a_variable_that_nothing_sets() -> None:
    all_known = Variables({"APP": "wiki"}, keeps_undefined=False)
    assert substitute("${APP}-${NONE}", all_known) == "wiki-"


def test_a_text_without_end_is_read_in_time() -> None:
    deep = "${A:=" * 2_000 + "x"
    assert substitute(deep, KNOWN) == deep
    closed = "${A:=" * 200 + "x" + "}" * 200
    assert "x" in substitute(closed, KNOWN)
