"""What is decided for a volume, and what is refused."""

import pytest

from stashgen.cron import Schedule
from stashgen.diagnostics import Severity
from stashgen.model.resolved import Protection
from stashgen.policy.shared import Job, RunAs
from tests.support.project import POLICY, PROJECT, ROOT, STORAGE, claim, codes, resolved

_COPY = "{storage: local, keep: {last: 2}}"
_SECOND_STORAGE = STORAGE.replace("name: local}", "name: nas}").replace(
    "persistentVolumeClaim: {claimName: backup-store}", "nfs: {server: nas, path: /backup}"
)


def _bucket(name: str, more: str) -> str:
    backend = f"{{provider: s3, s3: {{bucket: corp-backup, {more}}}}}"
    start = STORAGE.index("  backend:")
    credentials = "  credentials: {from: Namespace, secretName: keys}\n"
    head = STORAGE[:start].replace("name: local", f"name: {name}")
    return f"{head}  backend: {backend}\n{credentials}"


def _policy(sessions: str) -> str:
    start = POLICY.index("  sessions:")
    return f"{POLICY[:start]}  sessions: {sessions}\n{ROOT}"


def _one(*policies: str, project: str = PROJECT, name: str = "library") -> Protection:
    outcome = resolved(claim(name), *policies, project=project)
    assert outcome.findings == ()
    (protection,) = outcome.value.protections
    return protection


def test_a_policy_comes_down_to_plain_values() -> None:
    protection = _one()
    (session,) = protection.sessions
    (copy,) = session.copies
    assert protection.configuration == "library"
    assert protection.policy == "hourly"
    assert (session.name, session.time_zone) == ("backup", "Etc/UTC")
    assert (session.timeout_seconds, session.history_limit, session.suspend) == (3600, 3, False)
    assert len(Schedule.parse(session.schedule).hours) == 24
    assert (copy.directory, copy.retention_name, copy.encryption.value.secret_name) == (
        "demo/library", "keep-last2", "restic-key",
    )  # fmt: skip
    assert copy.storage.block == {
        "mountPath": "/kubestash-backend",
        "subPath": "dem1",
        "persistentVolumeClaim": {"claimName": "backup-store", "readOnly": False},
    }


def test_a_bucket_comes_down_to_a_server_a_region_and_a_prefix() -> None:
    (copy,) = _one(_bucket("local", "region: eu-1"), POLICY).sessions[0].copies
    assert copy.storage.provider == "s3"
    assert copy.storage.block == {
        "endpoint": "https://s3.eu-1.amazonaws.com",
        "bucket": "corp-backup",
        "prefix": "dem1",
        "region": "eu-1",
        "secretName": "keys",
    }
    (copy,) = (
        _one(_bucket("local", "endpoint: 'http://minio', insecureTLS: true"), POLICY)
        .sessions[0]
        .copies
    )
    assert copy.storage.block == {
        "endpoint": "http://minio",
        "bucket": "corp-backup",
        "prefix": "dem1",
        "region": "us-east-1",
        "secretName": "keys",
        "insecureTLS": True,
    }
    assert copy.storage.backend.annotations() == {}
    bucket = _bucket("local", "endpoint: 'http://minio', addressingStyle: virtual")
    (copy,) = _one(bucket, POLICY).sessions[0].copies
    assert "addressingStyle" not in copy.storage.block
    assert copy.storage.backend.annotations() == {"stashgen.dev/addressing-style": "virtual"}
    assert copy.storage.backend.flags()["addressing-style"] == "virtual"


@pytest.mark.parametrize(
    ("first", "second", "found"),
    [
        ("region: eu-1", "region: eu-1", ["SG522"]),
        ("region: eu-1", "endpoint: 'https://s3.eu-1.amazonaws.com'", ["SG522"]),
        ("endpoint: 'https://a'", "endpoint: 'https://a', region: x", ["SG522"]),
        ("endpoint: 'https://a'", "endpoint: 'https://b'", []),
        ("region: eu-1", "region: eu-1, prefix: 'dem1/x'", ["SG522"]),
        ("region: eu-1, prefix: 'dem1/x/y'", "region: eu-1, prefix: dem1/", ["SG522"]),
        ("region: eu-1, prefix: 'dem1/x'", "region: eu-1, prefix: dem1/y", []),
        ("region: eu-1, prefix: 'dem1/x'", "region: eu-1, prefix: dem1/xy", []),
    ],
)
def test_two_storages_in_one_bucket_and_prefix_are_refused(
    first: str, second: str, found: list[str]
) -> None:
    copies = "{storage: local, keep: {last: 2}}, {storage: far, keep: {last: 2}, directory: x}"
    policy = _policy(f"[{{name: backup, every: 1h, copies: [{copies}]}}]")
    outcome = resolved(claim("library"), _bucket("local", first), _bucket("far", second), policy)
    assert codes(outcome.findings) == found
    assert len(outcome.value.protections) == (0 if found else 1)


def test_a_storage_inside_another_is_refused_with_both_named() -> None:
    copies = "{storage: local, keep: {last: 2}}, {storage: far, keep: {last: 2}, directory: x}"
    policy = _policy(f"[{{name: backup, every: 1h, copies: [{copies}]}}]")
    near = _bucket("local", "region: r, prefix: 'dem1/x'")
    (found,) = resolved(claim("library"), near, _bucket("far", "region: r"), policy).findings
    assert found.what == (
        'storage "local" (bucket "corp-backup", prefix "dem1/x") is inside storage "far" '
        '(bucket "corp-backup", prefix "dem1")'
    )


_EXPORT = """
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: NAME}
spec:
  namespace: NAME
  backend: {provider: local, local: {nfs: {server: nas, path: PATH}, subPath: SUB}}
  job: {runAs: {user: 0, group: 0}}
"""
_EACH = """
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata: {name: NAME}
spec:
  select: {namespaces: {names: [NAME]}}
  sessions:
  - {name: backup, every: 1h, copies: [{storage: NAME, keep: {last: 2}, directory: data}]}
  job: {runAs: {user: 0, group: 0}}
"""


@pytest.mark.parametrize(
    ("path", "sub_path", "found"),
    [
        ("/export", "dem1", ["SG515"]),
        ("/export/", "/dem1/", ["SG515"]),
        ("/export/dem1", "''", ["SG515"]),
        ("/export", "dem1/other", []),
        ("/other", "dem1", []),
    ],
)
def test_an_nfs_export_is_the_same_place_in_every_namespace(
    path: str, sub_path: str, found: list[str]
) -> None:
    texts = [
        _EXPORT.replace("NAME", "one").replace("PATH", "/export").replace("SUB", "dem1"),
        _EXPORT.replace("NAME", "two").replace("PATH", path).replace("SUB", sub_path),
        *(_EACH.replace("NAME", name) for name in ("one", "two")),
    ]
    outcome = resolved(claim("library", "one") + claim("library", "two"), *texts)
    assert [one for one in codes(outcome.findings) if one == "SG515"] == found


def test_templates_are_filled_in() -> None:
    storage = STORAGE.replace("local: {p", "local: {subPath: 'x/{{ cluster.id }}/', p")
    policy = _policy(
        "[{name: backup, every: 1h, copies: [{storage: local, keep: {last: 2},"
        " directory: '{{cluster.name}}/{{ namespace }}-{{volume}}'}]}]"
    )
    (copy,) = _one(storage, policy).sessions[0].copies
    assert copy.storage.block["subPath"] == "x/dem1"
    assert copy.directory == "demo/demo-library"


def test_encryption_of_the_copy_wins_over_the_policys_and_the_projects() -> None:
    def secret(policy: str) -> str:
        return _one(STORAGE, policy).sessions[0].copies[0].encryption.value.secret_name

    of_policy = POLICY.replace("spec:", "spec:\n  encryption: {secretName: of-policy}")
    of_copy = of_policy.replace("last: 2}", "last: 2}, encryption: {secretName: of-copy}")
    assert [secret(POLICY), secret(of_policy), secret(of_copy)] == [
        "restic-key", "of-policy", "of-copy",
    ]  # fmt: skip


def test_job_of_the_policy_wins_field_by_field() -> None:
    project = PROJECT.replace(
        "defaults: {",
        "defaults: {job: {image: 'worker:1', runAs: {user: 7}, nodeSelector: {a: b}}, ",
    )
    policy = POLICY.replace("job: {", "job: {image: 'worker:2', ")
    storage = STORAGE.replace(ROOT, "  job: {priorityClassName: low}\n")
    outcome = resolved(claim("library"), storage, policy, project=project)
    assert codes(outcome.findings) == ["SG526"]
    (protection,) = outcome.value.protections
    assert protection.job.value == Job(
        image="worker:2", run_as=RunAs(user=0, group=0), node_selector={"a": "b"}
    )
    # The user that reads volumes has nothing to do with the storage's own Job.
    assert protection.sessions[0].copies[0].storage.job.value == Job(
        image="worker:1", node_selector={"a": "b"}, priority_class_name="low"
    )


def test_offset_depends_on_identity_and_session_alone() -> None:
    policy = _policy(
        f"[{{name: a, every: 24h, copies: [{_COPY}]}}, {{name: b, schedule: H H * * *, "
        f"copies: [{_COPY}]}}]"
    )
    alone = _one(STORAGE, policy)
    crowd = resolved(
        "".join(claim(f"x{index}") for index in range(20)) + claim("library"),
        STORAGE,
        policy.replace("hourly", "renamed"),
    ).value
    among = next(item for item in crowd.protections if item.volume.key.name == "library")
    assert [item.schedule for item in alone.sessions] == [item.schedule for item in among.sessions]
    assert len({item.schedule for item in alone.sessions}) == 2
    assert len({item.sessions[0].schedule for item in crowd.protections}) > 15


def test_schedule_that_its_hash_makes_impossible_is_reported_where_it_is_written() -> None:
    policy = _policy(f"[{{name: a, schedule: 0 0 H(30-31) 2 *, copies: [{_COPY}]}}]")
    outcome = resolved(claim("library") + claim("other"), STORAGE, policy)
    assert codes(outcome.findings) == ["SG402"]
    assert outcome.findings[0].subject == "BackupPolicy/hourly spec.sessions[0].schedule"
    assert outcome.value.protections == ()


def test_clock_change_is_one_warning_for_all_volumes_of_a_session() -> None:
    project = PROJECT.replace("id: dem1,", "id: dem1, timeZone: Europe/Berlin,")
    policy = _policy(f"[{{name: a, schedule: 30 2 * * *, copies: [{_COPY}]}}]")
    outcome = resolved(claim("library") + claim("other"), STORAGE, policy, project=project)
    assert codes(outcome.findings) == ["SG404", "SG405"]
    assert {item.severity for item in outcome.findings} == {Severity.WARNING}
    assert outcome.findings[0].what == "a clock change in Europe/Berlin skips runs of 2 volumes"
    assert "02:30, which on 2026-03-29 does not exist" in outcome.findings[0].why
    assert [item.sessions[0].time_zone for item in outcome.value.protections] == [
        "Europe/Berlin"
    ] * 2


def test_storage_of_another_namespace_is_refused_once_for_all_volumes() -> None:
    outcome = resolved(claim("a", "far") + claim("b", "far") + claim("c"))
    assert codes(outcome.findings) == ["SG514"]
    assert "remove namespace" in outcome.findings[0].fix
    assert [item.volume.key.name for item in outcome.value.protections] == ["c"]


_EVERYWHERE = STORAGE.replace("  namespace: demo\n", "").replace(
    "persistentVolumeClaim: {claimName: backup-store}", "nfs: {server: nas, path: /backup}"
)


def test_storage_without_a_namespace_is_in_each_namespace_with_protected_volumes() -> None:
    selected = POLICY.replace("{exclude", "{namespaces: {names: [a, b]}, exclude")
    outcome = resolved(claim("v", "a") + claim("v", "b") + claim("v", "c"), _EVERYWHERE, selected)
    assert outcome.value.coverage.unprotected == ("c/v",)
    assert [(item.namespace, item.block["subPath"]) for item in outcome.value.storages] == [
        ("a", "dem1/a"),
        ("b", "dem1/b"),
    ]
    copies = [item.sessions[0].copies[0] for item in outcome.value.protections]
    assert [copy.directory for copy in copies] == ["v", "v"]
    assert len({copy.repository for copy in copies}) == 2


def test_a_written_directory_counts_below_the_namespaces_prefix() -> None:
    policy = POLICY.replace("last: 2}", "last: 2}, directory: one")
    volumes = claim("v", "a") + claim("v", "b")
    assert resolved(volumes, _EVERYWHERE, policy).findings == ()
    (found,) = resolved(volumes + claim("w", "b"), _EVERYWHERE, policy).findings
    assert (found.code, found.fix) == (
        "SG515", 'use a directory that contains "{{volume}}", or another storage',
    )  # fmt: skip


def test_claim_of_a_storage_is_missed_in_the_namespaces_that_lack_it() -> None:
    on_claims = STORAGE.replace("  namespace: demo\n", "")
    stored = claim("v", "a") + claim("backup-store", "a")
    assert resolved(stored, on_claims, POLICY).findings == ()
    outcome = resolved(
        stored + claim("v", "b") + claim("w", "b") + claim("v", "c"), on_claims, POLICY
    )
    (found,) = outcome.findings
    assert (found.code, found.severity) == ("SG533", Severity.WARNING)
    assert 'claim "backup-store" in namespace "b" and 1 more' in found.what
    assert len(outcome.value.protections) == 4


@pytest.mark.parametrize(
    ("clusters", "is_there"),
    [
        ("{}", True),
        ("{names: [d*]}", True),
        ("{names: [prod]}", False),
        ("{matchLabels: {region: eu}}", True),
        ("{matchLabels: {region: us}}", False),
        ("{names: [demo], matchLabels: {tier: gold}}", False),
    ],
)
def test_storage_exists_in_the_clusters_that_it_selects(clusters: str, is_there: bool) -> None:
    project = PROJECT.replace("id: dem1,", "id: dem1, labels: {region: eu},")
    storage = STORAGE.replace("spec:", f"spec:\n  clusters: {clusters}")
    outcome = resolved(claim("a") + claim("b"), storage, POLICY, project=project)
    assert codes(outcome.findings) == ([] if is_there else ["SG531"])
    assert len(outcome.value.protections) == (2 if is_there else 0)


def test_raw_device_is_refused() -> None:
    outcome = resolved(claim("disk").replace("spec: {", "spec: {volumeMode: Block, "))
    assert "SG519" in codes(outcome.findings)
    assert not outcome.ok
    assert outcome.value.protections == ()


def test_storages_own_claim_is_refused() -> None:
    policy = POLICY.replace("select: {exclude: [{volumes: {names: [backup-store]}}]}", "select: {}")
    outcome = resolved(claim("backup-store") + claim("library"), STORAGE, policy)
    assert codes(outcome.findings) == ["SG520"]
    assert [item.volume.key.name for item in outcome.value.protections] == ["library"]


def test_storage_that_nothing_uses_is_a_warning_and_not_resolved() -> None:
    outcome = resolved(claim("library"), STORAGE, _SECOND_STORAGE, POLICY)
    assert codes(outcome.findings) == ["SG518"]
    assert outcome.ok
    assert [storage.name for storage in outcome.value.storages] == ["local"]


def test_two_volumes_in_one_directory_are_refused() -> None:
    policy = POLICY.replace("last: 2}", "last: 2}, directory: all")
    outcome = resolved(claim("a") + claim("b"), STORAGE, policy)
    assert codes(outcome.findings) == ["SG515"]
    assert 'is already used by volume "demo/a"' in outcome.findings[0].what
    assert [item.volume.key.name for item in outcome.value.protections] == ["a"]


def test_two_storages_on_one_claim_are_one_place() -> None:
    twin = STORAGE.replace("name: local}", "name: twin}")
    policy = _policy(
        f"[{{name: a, every: 1h, copies: [{_COPY}, {{storage: twin, keep: {{last: 2}}}}]}}]"
    )
    assert codes(resolved(claim("a"), STORAGE, twin, policy).findings) == ["SG515"]
    # Another directory of the same claim is another place.
    moved = twin.replace("local: {", "local: {subPath: 'twin/{{ cluster.id }}', ")
    assert resolved(claim("a"), STORAGE, moved, policy).findings == ()


def test_sessions_share_a_repository_if_retention_and_key_are_equal() -> None:
    second = "{{name: b, every: 24h, copies: [{}]}}"
    first = f"{{name: a, every: 1h, copies: [{_COPY}]}}"
    equal = _one(STORAGE, _policy(f"[{first}, {second.format(_COPY)}]"))
    assert len({copy.repository for item in equal.sessions for copy in item.copies}) == 1
    for other, why in (
        ("{storage: local, keep: {last: 3}}", ["policies/1.yaml", "policies/1.yaml"]),
        (
            "{storage: local, keep: {last: 2}, encryption: {secretName: other}}",
            ["stashgen.yaml", "policies/1.yaml"],
        ),
    ):
        outcome = resolved(claim("a"), STORAGE, _policy(f"[{first}, {second.format(other)}]"))
        assert codes(outcome.findings) == ["SG517"]
        assert outcome.findings[0].subject == "BackupPolicy/hourly spec.sessions[1].copies[0]"
        assert [str(place.path) for place in outcome.findings[0].related] == why
        apart = other.replace("storage: local", "storage: local, directory: '{{volume}}/b'")
        protection = _one(STORAGE, _policy(f"[{first}, {second.format(apart)}]"))
        assert len({copy.repository for item in protection.sessions for copy in item.copies}) == 2


def test_session_with_two_copies_in_one_place_is_refused() -> None:
    outcome = resolved(
        claim("a"), STORAGE, _policy(f"[{{name: a, every: 1h, copies: [{_COPY}, {_COPY}]}}]")
    )
    assert codes(outcome.findings) == ["SG517"]


def test_another_directory_is_another_repository() -> None:
    moved = POLICY.replace("last: 2}", "last: 2}, directory: 'x/{{volume}}'")
    here, there = (_one(STORAGE, policy).sessions[0].copies[0] for policy in (POLICY, moved))
    assert here.repository != there.repository
