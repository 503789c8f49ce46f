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
    assert names.backup_job_name("local-k3f9q-library-backup-1704281100", 1) == (
        "local-k3f9q-library-backup-1704281100"
    )
    assert names.backup_job_name("local-k3f9q-library-backup-1704281100", 2) == (
        "local-k3f9q-library-backup-1704281100-r2"
    )


def test_long_job_names_differ_where_their_sources_do() -> None:
    sessions = ["s" * 50 + f"-{tick}" for tick in (1704281100, 1704281160)]
    made = {names.retain_job_name(session, index) for session in sessions for index in (0, 1)}
    made |= {
        names.backup_job_name("s" + session, attempt) for session in sessions for attempt in (2, 3)
    }
    assert len(made) == 8
    assert all(len(name) <= 63 for name in made)
    assert names.backup_job_name("s" * 63, 12).endswith("-r12")


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
    assert names.claim_name_part("c" * 24, "dem1", "demo", "c" * 24) == "c" * 24


def test_long_claims_of_one_stateful_set_get_different_names() -> None:
    claims = [f"data-postgres-analytics-primary-{ordinal}" for ordinal in (0, 1)]
    made = [names.claim_name_part(claim, "peu1", "prod", claim) for claim in claims]
    assert made[0] != made[1]
    assert all(name.startswith("data-postgres-anal-") and len(name) == 24 for name in made)


def test_storages_that_begin_alike_have_different_repositories() -> None:
    identity = ("peu1", "prod", "library")
    made = {names.repository_name(f"s3-europe-{zone}", *identity) for zone in "ab"}
    assert len(made) == 2


@given(claim=_SUBDOMAINS, storage=_SUBDOMAINS, namespace=_DNS, session=_DNS)
def test_no_name_of_compiled_objects_is_ever_cut(
    claim: str, storage: str, namespace: str, session: str
) -> None:
    session = session[: names.MAX_SESSION].rstrip("-")
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
