"""Names: the reference's worked examples, the cuts, and the compiled names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stashgen.kubestash import names

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)
_SUBDOMAINS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?(\.[a-z0-9]{1,9})?", fullmatch=True)


def test_names_of_the_documented_session_are_kubestashs() -> None:
    session = names.backup_session_name("nfs-pvc-backup", "frequent-backup", 1704281100)
    assert session == "nfs-pvc-backup-frequent-backup-1704281100"
    snapshot = names.snapshot_name("gcs-repository", session)
    assert snapshot == "gcs-repository-nfs-pvc-backup-frequent-backup-1704281100"
    cron_job = names.cron_job_name("nfs-pvc-backup", "frequent-backup")
    assert cron_job == "trigger-nfs-pvc-backup-frequent-backup"


def test_long_name_keeps_first_32_and_last_31_characters_without_a_dash() -> None:
    prefix, name, suffix = "a" * 40, "b" * 10, "c" * 40
    assert names.prefix_name_suffix(prefix, name, suffix) == "a" * 32 + "c" * 31


def test_name_of_63_characters_is_not_cut() -> None:
    name = names.prefix_name_suffix("a" * 31, "b", "c" * 29)
    assert name == "a" * 31 + "-b-" + "c" * 29


def test_dashes_at_the_ends_are_trimmed() -> None:
    assert names.prefix_name_suffix("-a", "", "") == "a"
    assert names.cut("x" * 62 + "--") == "x" * 32 + "x" * 29


def test_snapshot_of_a_session_without_a_time_has_its_whole_name() -> None:
    assert names.snapshot_name("local", "by-hand") == "local-by-hand"


def test_two_long_names_can_become_one_so_compiled_names_stay_short() -> None:
    ends = ("data-postgres-analytics-primary-0-" + "x" * 30, "backup", 1704281100)
    other = ("data-postgres-analytics-primary-0-" + "y" * 30, "backup", 1704281100)
    assert names.backup_session_name(*ends) != names.backup_session_name(*other)
    middle = ["data-postgres-analytics-primary-" + c + "-long-tail-of-the-name" for c in "01"]
    assert len({names.snapshot_name("local", f"{name}-backup-1704281100") for name in middle}) == 1


def test_cron_job_name_is_cut_to_52_with_both_halves() -> None:
    name = names.cron_job_name("c" * 40, "s" * 40)
    assert name == "trigger-" + "c" * 18 + "s" * 26
    assert len(name) == 52


def test_jobs_are_named_after_what_they_do() -> None:
    assert names.retain_job_name("library-backup-1704281100", 0) == (
        "retain-library-backup-1704281100-0"
    )
    assert names.init_job_name("local-k3f9q", 2) == "init-local-k3f9q-2"
    assert names.init_storage_job_name("local", 1) == "init-storage-local-1"


def test_long_job_names_differ_where_their_sources_do() -> None:
    sessions = ["s" * 50 + f"-{tick}" for tick in (1704281100, 1704281160)]
    made = {names.retain_job_name(session, index) for session in sessions for index in (0, 1)}
    assert len(made) == 4
    assert all(len(name) <= 63 for name in made)


@pytest.mark.parametrize(
    ("job", "tick"),
    [
        ("trigger-library-backup-28404685", 1704281100),
        ("trigger-library-backup-29654321", 1779259260),
        ("trigger-library-backup", None),
        ("manual-1", None),
        ("trigger-by-hand-20261124", None),
        ("trigger-library-backup-1704281100", None),
        ("29654321", None),
    ],
)
def test_only_a_cron_jobs_job_has_a_tick(job: str, tick: int | None) -> None:
    assert names.tick_of_job(job) == tick


def test_short_claim_keeps_its_name() -> None:
    assert names.claim_name_part("library", "dem1", "demo", "library") == "library"
    assert names.claim_name_part("c" * 22, "dem1", "demo", "c" * 22) == "c" * 22


def test_long_claims_of_one_stateful_set_get_different_names() -> None:
    claims = [f"data-postgres-analytics-primary-{ordinal}" for ordinal in (0, 1)]
    made = [names.claim_name_part(claim, "peu1", "prod", claim) for claim in claims]
    assert made[0] != made[1]
    assert all(name.startswith("data-postgr-") and len(name) == 22 for name in made)


def test_a_hundred_thousand_volumes_have_names_of_their_own() -> None:
    claims = [f"pvc-of-a-tenant-{number:06}" for number in range(100_000)]
    made = {names.claim_name_part(f"{claim}-x", "peu1", "prod", claim) for claim in claims}
    assert len(made) == 100_000
    made = {names.repository_name("s3", "peu1", "prod", claim, claim) for claim in claims}
    assert len(made) == 100_000


def test_sessions_that_begin_alike_have_different_names() -> None:
    assert names.session_name_part("twelve-chars") == "twelve-chars"
    made = {names.session_name_part(f"monthly-archive-{number}") for number in range(1000)}
    assert len(made) == 1000
    assert all(name.startswith("monthl-") and len(name) == 12 for name in made)


def test_storages_that_begin_alike_have_different_repositories() -> None:
    identity = ("peu1", "prod", "library")
    made = {names.repository_name(f"s3-europe-{zone}", *identity) for zone in "ab"}
    assert len(made) == 2


@given(claim=_SUBDOMAINS, storage=_SUBDOMAINS, namespace=_DNS, session=_DNS)
def test_no_name_of_compiled_objects_is_ever_cut(
    claim: str, storage: str, namespace: str, session: str
) -> None:
    session = names.session_name_part(session)
    configuration = names.claim_name_part(claim, "peu1", namespace, claim)
    repository = names.repository_name(storage, "peu1", namespace, claim)
    backup_session = names.backup_session_name(configuration, session, 1704281100)
    snapshot = names.snapshot_name(repository, backup_session)
    made = [configuration, repository, backup_session, snapshot]
    made.append(names.cron_job_name(configuration, session))
    assert all(_LABEL.fullmatch(name) for name in made)
    assert backup_session == f"{configuration}-{session}-1704281100"
    assert snapshot == f"{repository}-{backup_session}"
    assert made[-1] == f"trigger-{configuration}-{session}"


@given(parts=st.lists(_DNS, min_size=3, max_size=3), unix=st.integers(0, 2**33))
def test_every_run_time_name_fits_a_label(parts: list[str], unix: int) -> None:
    session = names.backup_session_name(parts[0], parts[1], unix)
    made = (session, names.snapshot_name(parts[2], session), names.retain_job_name(session, 3))
    assert all(_LABEL.fullmatch(name) for name in made)
    assert len(names.cron_job_name(parts[0], parts[1])) <= names.MAX_CRON_JOB_NAME


def test_documented_snapshot_of_a_long_claim_is_cut_as_kubestash_cuts_it() -> None:
    session = names.backup_session_name(
        "persistentvolumeclaim-nfs-pvc", "frequent-backup", 1704779101
    )
    assert session == "persistentvolumeclaim-nfs-pvc-frequent-backup-1704779101"
    assert names.snapshot_name("pvc-repo", session) == (
        "pvc-repo-persistentvolumeclaim-n-pvc-frequent-backup-1704779101"
    )


_CLAIM = "data-postgres-analytics-primary-"
_TICK = 1704281100


@pytest.mark.parametrize(
    ("made", "cut_to"),
    [
        # Two copies of a claim: the names differ in the middle that the cut takes out.
        ({names.snapshot_name(f"{_CLAIM}0-{place}", f"{_CLAIM}0-backup-{_TICK}")
          for place in ("east", "west")}, 63),
        # Two replicas of a StatefulSet.
        ({names.snapshot_name("s3", f"{_CLAIM}{ordinal}-the-nightly-backups-{_TICK}")
          for ordinal in (0, 1)}, 63),
        ({names.backup_session_name(f"backup-{_CLAIM}{ordinal}", "the-nightly-backup-run", _TICK)
          for ordinal in (0, 1)}, 63),
        ({names.cron_job_name(f"{_CLAIM}{ordinal}", "the-nightly-backup-run-one")
          for ordinal in (0, 1)}, 52),
    ],
)  # fmt: skip
def test_kubestashs_names_of_long_claims_become_one(made: set[str], cut_to: int) -> None:
    (name,) = made
    assert len(name) == cut_to


def test_compiled_names_of_the_same_claims_stay_apart() -> None:
    sessions, cron_jobs, snapshots = set(), set(), set()
    for ordinal in (0, 1):
        claim = f"{_CLAIM}{ordinal}"
        configuration = names.claim_name_part(claim, "peu1", "prod", claim)
        session = names.backup_session_name(configuration, "backup", _TICK)
        sessions.add(session)
        cron_jobs.add(names.cron_job_name(configuration, "backup"))
        for storage in ("s3-europe-east", "s3-europe-west"):
            repository = names.repository_name(storage, "peu1", "prod", claim)
            snapshots.add(names.snapshot_name(repository, session))
    assert (len(sessions), len(cron_jobs), len(snapshots)) == (2, 2, 4)


def test_names_depend_on_the_clusters_id_and_namespace_too() -> None:
    claim = f"{_CLAIM}0"
    made = {
        names.claim_name_part(claim, cluster, namespace, claim)
        for cluster in ("peu1", "pus1")
        for namespace in ("prod", "test")
    }
    assert len(made) == 4


def test_dots_of_a_claim_do_not_reach_names_that_must_be_labels() -> None:
    assert re.fullmatch(
        "data-v1-[0-9a-z]{10}", names.claim_name_part("data.v1", "peu1", "prod", "data.v1")
    )
    assert "." not in names.repository_name("s3.eu", "peu1", "prod", "library")


def test_an_attempt_of_one_request_is_never_that_of_another() -> None:
    nonces = ["incident-4", "incident-4-1", "incident-4-1-1", "a" * 63, "a" * 62 + "b"]
    made = [
        names.requested_restore_name(nonce, number) for nonce in nonces for number in range(1, 6)
    ]
    assert len(set(made)) == len(made)
    assert all(len(name) <= names.MAX_NAME for name in made)
    assert made[0] == "restore-incident-4-1"
