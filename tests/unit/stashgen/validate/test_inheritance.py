"""Whether a policy has everything that it needs, together with those that it extends."""

from stashgen.validate import validate
from tests.support.documents import source

_STORAGE = """
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: local}
spec:
  namespace: demo
  backend: {provider: local, local: {persistentVolumeClaim: {claimName: backup-store}}}
"""


def _policy(name: str, spec: str) -> str:
    head = f"apiVersion: stashgen.dev/v1alpha1\nkind: BackupPolicy\nmetadata: {{name: {name}}}\n"
    return f"{head}spec: {spec}\n"


def _found(*policies: str) -> list[tuple[str, str]]:
    findings = validate(source(_STORAGE, *policies)).findings
    return [(str(one.code), one.subject) for one in findings]


_COPIES = "copies: [{storage: local, keep: {last: 40, maxAge: 2d}}]"
_BASE = _policy("base", f"{{sessions: [{{name: backup, every: 1h, {_COPIES}}}]}}")


def test_a_policy_may_leave_out_what_it_inherits() -> None:
    above = _policy("gold", "{extends: base, select: {}, sessions: [{name: backup, timeout: 1h}]}")
    assert _found(_BASE, above) == []


def test_a_new_session_needs_what_no_policy_above_has() -> None:
    above = _policy("gold", "{extends: base, select: {}, sessions: [{name: weekly}]}")
    place = "BackupPolicy/gold spec.sessions[0]"
    assert _found(_BASE, above) == [("SG202", place), ("SG208", place)]


def test_a_session_with_a_typo_in_its_name_names_the_one_that_is_meant() -> None:
    above = _policy(
        "gold",
        "{extends: base, select: {}, exceptions: [{match: {volumes: {names: [a]}}, reason: r, "
        "until: '2999-12-31', set: {sessions: [{name: backpu, every: 15m}]}}]}",
    )
    (found,) = validate(source(_STORAGE, _BASE, above)).findings
    assert found.subject == "BackupPolicy/gold spec.exceptions[0].set.sessions[0]"
    assert found.fix == 'set copies; or did you mean session "backup"?'


def test_counts_are_measured_by_the_rhythm_that_a_policy_below_sets() -> None:
    slow = _policy("slow", "{extends: base, select: {}, sessions: [{name: backup, every: 1d}]}")
    place = "BackupPolicy/base spec.sessions[0].copies[0].keep.last"
    assert _found(_BASE, slow) == [("SG406", place)]


def test_an_exception_is_measured_likewise() -> None:
    entry = "{match: {volumes: {names: [a]}}, set: {sessions: [{name: backup, every: 1d}]}, "
    entry += 'reason: why, until: "2030-01-01"}'
    policy = _policy("gold", f"{{extends: base, select: {{}}, exceptions: [{entry}]}}")
    place = "BackupPolicy/base spec.sessions[0].copies[0].keep.last"
    assert _found(_BASE, policy) == [("SG406", place)]


def test_policy_below_one_that_does_not_exist_is_reported_once() -> None:
    assert _found(_policy("gold", "{extends: nobody, select: {}}")) == [
        ("SG301", "BackupPolicy/gold spec.extends")
    ]


def test_policies_that_extend_each_other_are_one_finding() -> None:
    first = _policy("a", "{extends: b, select: {}}")
    second = _policy("b", "{extends: a}")
    third = _policy("c", "{extends: a, select: {}}")
    found = _found(first, second, third)
    assert [one for one in found if one[0] == "SG307"] == [("SG307", "BackupPolicy/a spec.extends")]


def test_policy_without_select_must_be_extended_or_offered() -> None:
    offered = _policy("offered", "{extends: base}")
    assert _found(_BASE, offered)[0] == ("SG202", "BackupPolicy/offered spec")
    offer = _policy("offer", "{extends: base, select: {}, delegate: {policy: [offered]}}")
    assert _found(_BASE, offered, offer) == []


def test_a_long_line_of_policies_is_followed() -> None:
    line = [_policy(f"p{number}", f"{{extends: p{number - 1}}}") for number in range(1, 300)]
    last = _policy("last", "{extends: p299, select: {}}")
    assert _found(_BASE.replace("name: base", "name: p0"), *line, last) == []
