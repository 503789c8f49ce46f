"""Rules for single values; what they refuse comes first."""

import pytest

from stashgen.validate import paths, pod_values, times, values
from stashgen.validate.values import Rule
from stashgen.yaml.nodes import Json

_REFUSED: list[tuple[Rule, list[Json]]] = [
    (paths.path, ["", "../a", "a/./b", "a//b", "*.txt", "a,b", "a\nb", "$(A)", " a", "a\\b"]),
    (
        paths.left_out,
        ["", "*", "/**", "?*", "**/?*", "!keep", "a,b", "$(A)", " x", "a[", "[a-", "a/[]/b", "a\\"],
    ),
    (paths.apart, [[".", "a"], ["a", "a/b"], ["/a/", "a"], ["a/b", "c", "a"]]),
    (pod_values.variables, [{"1A": "x"}, {"A=B": "x"}, {"TZ": "UTC"}, {"POD_UID": "x"}]),
    (pod_values.variables, [{"P": "http://me:secret@proxy"}]),
    (pod_values.variables, [{"RESTIC_PACK_SIZE": "129"}, {"RESTIC_COMPRESSION": "MAX"}]),
    (pod_values.pod_labels, [{"a b": "x"}, {"A/b": "x"}, {"a": "x y"}, {"job-name": "x"}]),
    (pod_values.pod_labels, [{"x.stashgen.dev/a": "x"}, {"kubestash.com/a": "x"}]),
    (pod_values.pod_annotations, [{"-": "x"}, {"session.stashgen.dev/plan": "x"}]),
    (pod_values.size, ["", "0", "0Gi", "big", "-1Gi", "1 Gi"]),
    (pod_values.idle, [{"class": 3, "classData": 7}]),
    (values.label, ["", "A", "-a", "a-", "a.b", "a_b", "\u00e4", "a\n", "x" * 64]),
    (values.storage_name, ["s" * 51]),
    (values.subdomain, ["", ".a", "a..b", "A.b", "x" * 254]),
    (values.cluster_id, ["", "a", "1a", "a-b", "A1", "a" * 13]),
    (times.duration, ["", "1 h", "0s", "soon"]),
    (times.every, ["5h", "45s", "2d", "1h 30m", "soon"]),
    (times.schedule, ["", "* * * *", "@every 1h", "0 0 30 2 *", "61 * * * *"]),
    (times.period, ["soon", "0d", "-1d", "1x"]),
    (
        times.time_zone,
        ["", "Local", "Europe/Atlantis", "../etc/passwd", "/etc/localtime", "UTC+1", "right/UTC"],
    ),
    (
        times.time_zone,
        ["localtime", "posixrules"],
    ),
    (paths.inside, ["", ".", "./", "/abs", "..", "a/../..", "a\\b", ".git", "a/.git/b"]),
    (paths.absolute, ["", "relative", "/", "//", "/a/../b", "/a:b"]),
    (paths.sub_path, ["", "/", "/a", "../a", "a/./b", "{{ volume }}", "a\nb", "a\\b"]),
    (paths.sub_path, ["a%20b", "a?b", "a#b"]),
    (values.bucket, ["", "ab", "A-b", "a/b", "s3://abc", "a..b", "-ab", "x" * 64]),
    (values.region, ["", "eu 1", "-eu", "https://eu", "x" * 64]),
    (values.endpoint, ["", "minio:9000", "s3://a", "https://", "https://a/", "https://a/b"]),
    (values.endpoint, ["https://a?x", "https://key:secret@a", "https://a:port", "https://a b"]),
    (paths.directory, ["", "/a", "{{ region }}", "..", "{{ volume | upper }}"]),
    (pod_values.image, ["", "a b", "a\n"]),
    (pod_values.pull_policy, ["always", ""]),
    (values.whole(1, 3), [0, 4, -1]),
    (values.not_empty, [[]]),
    (values.pattern, ["", "a/b"]),
    (pod_values.resources, [{"request": {}}, {"requests": "1"}, {"limits": {"cpu": "lots"}}]),
    (pod_values.resources, [{"limits": {"cpu": True}}, {"limits": {"memory": "1 Gi"}}]),
    (pod_values.node_selector, [{"disk": "-"}, {"disk": "a b"}, {"disk": "x" * 64}]),
    (pod_values.pull_secret, [{}, {"name": 1}, {"name": "a", "namespace": "b"}]),
    (pod_values.claim_source, [{}, {"claimName": None}, {"claimName": "a", "readOnly": 1}]),
    (pod_values.nfs_source, [{}, {"server": "a"}, {"server": "a", "path": "/", "port": 1}]),
    (pod_values.host_path_source, [{}, {"path": "/", "type": None}]),
    (pod_values.toleration, [{"keys": "x"}, {"key": 1}, {"tolerationSeconds": "1"}]),
]

_ACCEPTED: list[tuple[Rule, list[Json]]] = [
    (values.label, ["a", "a-1", "1a", "x" * 63]),
    (values.storage_name, ["s" * 50]),
    (values.subdomain, ["a", "a.b-c.d", "x" * 253]),
    (values.bucket, ["abc", "corp-backup.eu", "x" * 63]),
    (values.region, ["eu-1", "us-east-1", "RegionOne", "a.b_c"]),
    (values.endpoint, ["https://a", "http://minio.svc:9000", "https://[::1]:9000"]),
    (values.cluster_id, ["dem1", "peu1", "ab", "a" * 12]),
    (times.duration, ["1h", "1h30m", "2d"]),
    (times.every, ["5m", "1h", "12h", "1d", "7d"]),
    (times.schedule, ["0 2 * * *", "H H(1-4) * * *", "daily", "@daily"]),
    (times.period, ["2mo", "1y6mo", "30d"]),
    (times.time_zone, ["Etc/UTC", "Europe/Berlin"]),
    (paths.inside, ["rendered", "a/b", "./a"]),
    (paths.absolute, ["/kubestash-backend", "/a/b"]),
    (paths.sub_path, ["dem1", "{{ cluster.id }}", "a/{{cluster.name}}-{{cluster.id}}"]),
    (paths.directory, ["{{namespace}}/{{volume}}", "a b"]),
    (pod_values.image, ["stashgen-worker:0.1.0", "registry.example/a/b@sha256:00"]),
    (pod_values.pull_policy, ["Always", "IfNotPresent", "Never"]),
    (values.whole(1, 3), [1, 3]),
    (values.not_empty, [["x"]]),
    (values.pattern, ["*", "data-*", "[ab]?"]),
    (
        pod_values.resources,
        [{}, {"requests": {"cpu": "100m", "memory": "1Gi"}, "limits": {"cpu": 2}}],
    ),
    (pod_values.node_selector, [{}, {"disk": ""}, {"disk": "ssd-1.a_B"}]),
    (pod_values.pull_secret, [{"name": "registry"}]),
    (pod_values.claim_source, [{"claimName": "a"}, {"claimName": "a", "readOnly": True}]),
    (pod_values.nfs_source, [{"server": "a", "path": "/"}]),
    (pod_values.host_path_source, [{"path": "/", "type": "Directory"}]),
    (pod_values.toleration, [{"key": "a", "operator": "Exists", "tolerationSeconds": 3}]),
]
_OF_NO_RULE: list[Json] = [None, True, 1.5, "\0", {"a": [1]}, ["a", None]]


def _pairs(table: list[tuple[Rule, list[Json]]]) -> list[tuple[Rule, Json]]:
    return [(rule, value) for rule, examples in table for value in examples]


@pytest.mark.parametrize(("rule", "value"), _pairs(_REFUSED))
def test_wrong_values_are_refused_with_a_reason_and_a_remedy(rule: Rule, value: Json) -> None:
    problem = rule(value)
    assert problem is not None
    assert problem.what
    assert problem.why
    assert problem.fix


@pytest.mark.parametrize(("rule", "value"), _pairs(_ACCEPTED))
def test_right_values_are_accepted(rule: Rule, value: Json) -> None:
    assert rule(value) is None


@pytest.mark.parametrize("rule", [rule for rule, _ in _ACCEPTED])
@pytest.mark.parametrize("value", _OF_NO_RULE)
def test_a_value_of_another_type_never_raises(rule: Rule, value: Json) -> None:
    problem = rule(value)
    assert problem is None or problem.what
