"""Templates of directories and sub-paths."""

import pytest

from stashgen.policy.template import CLUSTER_NAMES, VOLUME_NAMES, check_template, fill

_VALUES = {"cluster.id": "dem1", "cluster.name": "demo", "namespace": "web", "volume": "data"}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{{ region }}", "{{ region }} is unknown; the known names are cluster.id, cluster.name"),
        ("{{volume}}", "{{ volume }} is unknown"),
        ("{{ cluster.id | upper }}", "only a name"),
        ("{{ cluster.id", "only a name"),
        ("cluster.id }}", "only a name"),
        ("{% if x %}", "only a name"),
        ("{# note #}", "only a name"),
        ("{{ {{ cluster.id }} }}", "only a name"),
        ("{{ }}", "only a name"),
        ("{{{cluster.id}}}", "only a name"),
    ],
)
def test_everything_but_known_names_is_refused(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why.replace("|", r"\|")):
        check_template(text, CLUSTER_NAMES)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("plain", "plain"),
        ("{{namespace}}/{{volume}}", "web/data"),
        ("a/{{  cluster.id  }}-{{ cluster.name }}", "a/dem1-demo"),
        ("{volume}", "{volume}"),
        ("", ""),
    ],
)
def test_names_are_replaced(text: str, filled: str) -> None:
    check_template(text, VOLUME_NAMES)
    assert fill(text, _VALUES) == filled


def test_a_value_is_not_filled_in_again() -> None:
    assert (
        fill("{{ volume }}", {"volume": "{{ namespace }}", "namespace": "x"}) == "{{ namespace }}"
    )
