"""The comment has room for what it says, says what it leaves out, and interprets nothing."""

import re

from stashgen.model.inventory import VolumeKey
from stashgen.plan.formats import markdown
from stashgen.plan.plan import Change, Effect, Kind, Plan, VolumePlan


def _plan(number: int, reason: str = "no policy selects it") -> Plan:
    volumes = tuple(
        VolumePlan(
            VolumeKey("prd1", f"team-{index}", "data"),
            f"team-{index}/data",
            Kind.CHANGED,
            changes=(Change("RPO", f"{index + 1}h", "9999h", is_worse=True),),
            effects=frozenset({Effect.RPO_WORSE}),
        )
        for index in range(number)
    )
    lost = VolumePlan(VolumeKey("prd1", "x", "y"), "x/y", Kind.LOST, reason)
    return Plan("main", "HEAD", (number + 1, number), (*volumes, lost))


def test_ten_thousand_entries_fit_and_the_rest_is_counted() -> None:
    text = markdown.render(_plan(10_000))
    assert len(text) <= 65_536
    shown = len(re.findall(r"^- \*\*team-", text, re.MULTILINE))
    (left_out,) = re.findall(r"and (\d+) more, which this comment has no room for", text)
    assert shown + int(left_out) == 10_000
    assert "10000 worse" in text


def test_a_small_plan_is_whole() -> None:
    text = markdown.render(_plan(30))
    assert text.startswith("<!-- stashgen plan -->\n")
    assert "no room" not in text
    assert text.count("**team-") == 30


def test_words_of_people_are_neither_markup_nor_mentions() -> None:
    text = markdown.render(_plan(0, "</details> @admins *now* <!-- #1 [x](y) `z`"))
    assert "</details> @" not in text
    assert "@admins" not in text
    assert not re.search(r"#\d", text)
    assert r"\<\/details\>" in text or r"\</details\>" in text
    assert r"\*now\*" in text
    assert r"\[x\]\(y\) \`z\`" in text
