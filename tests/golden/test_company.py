"""What a company wishes of its backups, in ``examples/company``; and how a build refuses less."""

import shutil
from collections import Counter
from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from stashgen import pipeline
from stashgen.api.base import JsonObject, list_of, mapping_of, name_of
from stashgen.load import load
from stashgen.model.resolved import Protection
from tests.support.place import ROOT

EXAMPLE = ROOT / "examples" / "company"
TODAY = date(2026, 3, 1)
_TEAM = "clusters/prod-eu/payments.yaml"
_LEDGERS = "policies/ledgers.yaml"
_BASE = "policies/base.yaml"
Protections = Mapping[tuple[str, str, str], Protection]


def _compiled(project: Path, today: date = TODAY) -> tuple[pipeline.Objects | None, list[str]]:
    """The objects, and each finding's place, severity, code and text."""
    loaded = load(project)
    assert loaded.value is not None
    assert loaded.findings == ()
    made = pipeline.objects(loaded.value, (), today)
    return made.value, [
        f"{one.position} {one.severity} {one.code}: {one.what}" for one in made.findings
    ]


@pytest.fixture(scope="module")
def company() -> pipeline.Objects:
    """What the example comes to."""
    found, said = _compiled(EXAMPLE)
    assert said == []
    assert found is not None
    return found


@pytest.fixture(scope="module")
def volumes(company: pipeline.Objects) -> Protections:
    """How each volume is backed up: by cluster, namespace and claim."""
    return {
        (one.cluster.name, one.volume.key.namespace, one.volume.key.name): one
        for one in company.resolved.protections
    }


def _keeps(protection: Protection, session: str, storage: str) -> Mapping[str, object]:
    (copy,) = (
        copy
        for one in protection.sessions
        if one.written.name == session
        for copy in one.copies
        if copy.storage.name == storage
    )
    counts = copy.retention.successful_snapshots
    assert counts is not None
    return {name: value for name, value in counts.to_wire().items() if value is not None}


def _edited(folder: Path, *edits: tuple[str, str, str]) -> list[str]:
    """What a build says after edits: file, old and new text."""
    project = shutil.copytree(EXAMPLE, folder / "project")
    for file, old, new in edits:
        text = (project / file).read_text(encoding="utf-8")
        assert old in text
        (project / file).write_text(text.replace(old, new), encoding="utf-8")
    return _compiled(project)[1]


def test_the_label_of_a_namespace_sets_how_often_and_one_bucket_is_for_all(
    company: pipeline.Objects, volumes: Protections
) -> None:
    intervals = Counter((one.policy, one.sessions[0].written.every) for one in volumes.values())
    assert set(intervals) == {
        ("gold", "1h"), ("silver", "6h"), ("bronze", "1d"), ("ledgers", "15m")
    }  # fmt: skip
    namespaces = {(cluster, namespace) for cluster, namespace, _ in volumes}
    assert len({cluster for cluster, _ in namespaces}) == 5
    assert len(namespaces) == 40
    places = {storage.place() for storage in company.resolved.storages}
    assert len(places) == 2 * len(namespaces)
    assert len(list((EXAMPLE / "policies").iterdir())) == 4


def test_a_team_may_back_up_more_often_and_keep_more(volumes: Protections) -> None:
    ledger = volumes["prod-eu", "payments", "data-ledger-0"]
    assert (ledger.policy, ledger.sessions[0].written.every) == ("ledgers", "15m")
    assert _keeps(ledger, "backup", "s3-eu") == {"hourly": 48, "daily": 93}
    assert volumes["prod-eu", "payments", "receipts"].policy == "gold"


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("every: 15m", "every: 5m", 'bounds of policy "ledgers": at least 15m and at most 30m'),
        ("every: 15m", "every: 1h", 'bounds of policy "ledgers": at least 15m and at most 30m'),
        ("policy: ledgers", "policy: silver", 'policy "gold"'),
    ],
)
def test_a_team_is_held_to_the_bounds_of_the_platform(
    tmp_path: Path, old: str, new: str, what: str
) -> None:
    said = _edited(tmp_path, (_TEAM, old, new))
    assert said[0].startswith(f"{_TEAM}:19:")
    assert "error SG543" in said[0]
    assert what in said[0]


def test_what_is_excluded_has_a_reason_and_an_end(
    company: pipeline.Objects, volumes: Protections, tmp_path: Path
) -> None:
    coverage = company.resolved.coverage
    assert (coverage.protected, coverage.excluded) == (len(volumes), 8)
    assert coverage.unprotected == ()
    excluded = {
        ("data-eu", "analytics", "tmp-sort"),
        ("data-eu", "notebooks", "models"),
        ("prod-eu", "rendering", "frames"),
        ("tools", "ci", "work-runner-0"),
    }
    assert excluded.isdisjoint(volumes)
    assert ("data-eu", "analytics", "reports") in volumes
    (said,) = _edited(tmp_path, ("stashgen.yaml", '"2099-03-31"', '"2026-02-28"'))
    assert said.startswith("stashgen.yaml:")
    assert "error SG542" in said


def test_an_opt_out_without_an_owner_or_after_its_day_is_refused(tmp_path: Path) -> None:
    file, owner = "clusters/data-eu.yaml", "    stashgen.dev/opt-out-owner: ml-team\n"
    (said,) = _edited(tmp_path / "owner", (file, owner, ""))
    assert "error SG543" in said
    assert "owner" in said
    (said,) = _edited(tmp_path / "day", (file, '"2099-12-31"', '"2026-02-28"'))
    assert said.startswith(file)
    assert "error SG54" in said


def test_nights_after_weekdays_are_spread_over_the_window(volumes: Protections) -> None:
    bronze = [one.sessions[0] for one in volumes.values() if one.policy == "bronze"]
    assert {one.time_zone for one in bronze} == {"Europe/Berlin"}
    times = [one.schedule.split() for one in bronze]
    for _, hour, *_, days in times:
        # After midnight the night of Friday is a Saturday's.
        assert (int(hour) >= 22 and days == "1-5") or (int(hour) < 5 and days == "2-6")
    assert len({(minute, hour) for minute, hour, *_ in times}) > len(times) * 3 // 4
    assert {hour for _, hour, *_ in times} >= {"22", "2"}


def test_a_copy_goes_to_the_other_region_with_other_keys(
    company: pipeline.Objects, volumes: Protections
) -> None:
    for one in volumes.values():
        near, far = one.sessions
        assert far.written.name == "monthly-archive"
        assert far.written.every == "7d"
        assert near.copies[0].storage.name == "s3-eu"
        assert (far.copies[0].storage.name, len(far.copies)) == ("s3-us", 1)
        assert _keeps(one, "monthly-archive", "s3-us") == {"weekly": 53}
        assert near.copies[0].encryption.value.secret_name == "restic-key"
        assert far.copies[0].encryption.value.secret_name == "restic-key-us"
    silver = volumes["prod-eu", "catalog", "images"]
    assert _keeps(silver, "backup", "s3-eu") == {"hourly": 24, "daily": 30}
    found = Counter(
        (name_of(manifest.data).partition("-s3-us-")[0], secret)
        for manifest in company.manifests
        if manifest.data["kind"] == "PodTemplate" and "-s3-us-" in name_of(manifest.data)
        for secret in _credentials(mapping_of(mapping_of(manifest.data, "template"), "spec"))
    )
    assert set(found) == {
        ("backup", "backup-s3-us"),
        ("restore", "backup-s3-us"),
        ("maintain", "backup-s3-us-retain"),
    }


def _credentials(pod: JsonObject) -> list[str]:
    return [
        str(mapping_of(volume, "secret")["secretName"])
        for volume in list_of(pod, "volumes")
        if volume["name"] == "credentials"
    ]


def test_objectives_are_proved(volumes: Protections) -> None:
    ledger = volumes["prod-eu", "payments", "data-ledger-0"]
    wanted = ledger.objectives
    assert wanted.rpo is not None
    assert wanted.keep_for is not None
    assert (wanted.rpo.total_seconds(), wanted.keep_for.days, wanted.min_copies) == (3600, 90, 2)


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        (
            [(_LEDGERS, "timeout: 15m", "timeout: 50m")],
            f"{_LEDGERS}:12:14 error SG409: rpo 1h is not met: the newest backup may be 1h50m old",
        ),
        (
            # The archive in the other region alone reaches back 90 days.
            [(_LEDGERS, "daily: 93", "daily: 60"), (_BASE, "weekly: 53", "weekly: 8")],
            (
                f"{_LEDGERS}:14:50 error SG410: keepFor 90d is not met: the oldest backup may be "
                "only 58d15m old"
            ),
        ),
        (
            # Six hours are seven in the night when the clocks go back.
            [("policies/tiers.yaml", "rpo: 7h30m", "rpo: 6h30m")],
            (
                "policies/tiers.yaml:34:27 error SG409: rpo 6h30m is not met: the newest backup "
                "may be 7h30m old"
            ),
        ),
    ],
)
def test_a_broken_objective_names_the_line(
    tmp_path: Path, edits: list[tuple[str, str, str]], said: str
) -> None:
    assert _edited(tmp_path, *edits) == [said]


def test_a_copy_less_breaks_the_objective_of_two_places(tmp_path: Path) -> None:
    text = (EXAMPLE / _LEDGERS).read_text(encoding="utf-8")
    copy = text[text.index("    - storage: s3-us") : text.index("  delegate:")]
    (said,) = _edited(tmp_path, (_LEDGERS, copy, ""))
    assert said.startswith(f"{_BASE}:")
    assert 'error SG411: minCopies 2 is not met: only "s3-eu" has a copy within rpo 1h' in said
