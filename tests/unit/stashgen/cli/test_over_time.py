"""``stashgen report schedule`` and ``retention``: options, exit codes, sizes and prices."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from stashgen.cli.main import run
from tests.support.place import ROOT

_CASES = ROOT / "tests" / "golden" / "cases"
_START = "--start=2027-01-01"
_STATUS = """\
size: 3.000 GiB
recentSnapshots:
- {name: b, phase: Succeeded, session: backup, size: 2.000 GiB, snapshotTime: 2026-12-31T03:00:00Z}
- {name: a, phase: Succeeded, session: backup, size: 1.000 GiB, snapshotTime: 2026-12-30T03:00:00Z}
- {name: c, phase: Failed, session: backup, size: 9.000 GiB, snapshotTime: 2027-01-01T03:00:00Z}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(_CASES / "objectives" / "input", tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["schedule", "--fail-on=rpo,minCopies"], 0, ""),
        (["schedule", "--outage=local=1d"], 0, ""),
        (["schedule", "--outage=local=1d", "--fail-on=rpo"], 0, ""),  # the other storage has it
        (
            ["schedule", "--outage=local=1d", "--fail-on=minCopies"],
            1,
            "--fail-on minCopies: not met at every moment by 1 volume\n",
        ),
        (["schedule", "--failures=50%", "--fail-on=rpo"], 1, "by 1 volume\n"),
        (["schedule", "--volume=demo/library"], 0, ""),
        (["retention", "--fail-on=keepFor"], 0, ""),
        (["retention", "--failures=100", "--fail-on=keepFor"], 0, ""),  # the last one only ages
        (["retention", "--volume=demo/library", "--days=3"], 0, ""),
    ],
)
def test_objectives_that_do_not_hold_are_exit_code_one(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", *arguments, _START]) == code
    printed = capsys.readouterr()
    assert printed.err.endswith(said)
    assert bool(printed.err) == bool(said)
    assert " days from 2027-01-01 UTC" in printed.out


@pytest.mark.usefixtures("project")
def test_outage_that_began_before_the_first_day_has_its_effect(
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = ["--outage=local=40d@2026-12-01", "--outage=other=40d@2026-12-01"]
    assert run(["report", "schedule", "--fail-on=rpo", _START, *flags]) == 1
    printed = capsys.readouterr().out
    assert "40d" in next(line for line in printed.splitlines() if "demo/library" in line)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["schedule", "--days=0"], "--days"),
        (["schedule", "--days=4000"], "--days"),
        (["schedule", "--start=01.02.2027"], '"01.02.2027" is not a date such as'),
        (["schedule", "--start=2027-W01-1"], '"2027-W01-1" is not a date such as'),
        (["schedule", "--start=9999-12-31"], "--start"),
        (["schedule", "--outage=loca=1d"], 'no copy goes to storage "loca"; there are local'),
        (["schedule", "--outage=local"], "it is not a duration"),
        (["schedule", "--outage=local=1m"], "multiple of 15m"),
        (["schedule", "--outage=local=1d@tomorrow"], '"tomorrow" is not a date such as'),
        (["schedule", "--outage=local=1d@"], '"" is not a date such as'),
        (["schedule", "--outage=local=999999999d"], "it is longer than the calendar"),
        (["schedule", _START, "--outage=local=31d@2026-12-01"], "over before the first day"),
        (["schedule", _START, "--outage=local=1d@2028-02-05"], "begins after the last day"),
        (["schedule", "--failures=101"], "--failures"),
        (["schedule", "--fail-on=keepFor"], "choose from rpo, minCopies"),
        (["retention", "--fail-on=rpo"], "choose from keepFor"),
        (["retention", "--volume=demo/none"], "no policy selects"),
        (["retention", "--prices=prices.yaml"], "--prices needs --change"),
        (["retention", "--growth=10"], "--growth needs --change"),
        (["retention", "--size=1Gi"], "--size needs --change"),
        (["retention", "--change=1", "--size=much"], "is not a size"),
        (["retention", "--change=1", "--prices=none.yaml"], "none.yaml"),
        (["retention", "--change=nan"], "--change"),
    ],
)
def test_mistakes_are_usage_errors(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be one document"),
        ("a: [", "prices.yaml:2:1: invalid YAML"),
        ("storages: {local: {gigabyteMonth: 1e-3}}", "1:35: an unquoted value"),
        ("storages: {local: {gigabyteMonth: 1e-3}}", "; put it in quotes"),
        ("storages: {local: {gigabyteMonth: '1e999'}}", "is not a number"),
        ("storages: {local: {gigabyteMonth: 'nan'}}", "is not a number"),
        ("storages: {local: {gigabyteMonth: '1.2.3'}}", "is not a number"),
        ("storages: {local: {gigabyteMonth: []}}", "is not a number"),
        ("storages: 3", "prices.yaml:1:11: storages is not a map"),
        ("prices: {}", 'prices.yaml:1:1: "prices" is no field'),
        ("currency: 3\nstorages: {}", "currency is not a string"),
        ("storages: {local: {}}", '"local" has no gigabyteMonth'),
        ("storages: {local: {gigabyteMonth: -1}}", "is not a number"),
        ("storages: {local: {gigabyteMonth: x}}", "is not a number"),
        ("storages: {local: {gigabyteMonth: true}}", "is not a number"),
        ("storages: {local: {gigabyteMonth: 1, gigabyteDay: 1}}", '"gigabyteDay" is no field'),
    ],
)
def test_table_of_prices_that_is_wrong_is_refused_with_its_place(
    project: Path, text: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "prices.yaml").write_text(text, encoding="utf-8")
    assert run(["report", "retention", "--change=1", "--prices=prices.yaml"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("price", ["0.02", "'0.02'", "'2e-2'", "'.02'"])
def test_price_may_be_in_quotes_as_the_message_says(
    project: Path, price: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f"storages: {{local: {{gigabyteMonth: {price}}}}}"
    (project / "prices.yaml").write_text(text, encoding="utf-8")
    flags = ["--change=0", "--days=100", "--size=1Gi", "--prices=prices.yaml", _START]
    assert run(["report", "retention", *flags]) == 0
    (local,) = [one for one in capsys.readouterr().out.splitlines() if one.startswith("  local ")]
    # A GiB, at 0.02 a month, for 3.29 months.
    assert local.endswith(" 0.07")


def test_sizes_are_those_that_repositories_of_the_inventory_say(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", "retention", "--format=json", "--change=5", "--days=2", _START]) == 0
    before = json.loads(capsys.readouterr().out)
    assert before["sizes"] == {"recorded": 0, "assumed": 0, "requested": 1, "unknown": 0}
    # As kubectl get repositories -o yaml prints what a build has written.
    assert run(["build"]) == 0
    found = [
        one
        for path in (project / "rendered").rglob("*.yaml")
        for one in yaml.safe_load_all(path.read_text(encoding="utf-8"))
        if one["kind"] == "Repository" and one["spec"]["storageRef"]["name"] == "local"
    ]
    items = [one | {"status": yaml.load(_STATUS, yaml.BaseLoader)} for one in found]
    assert len(items) == 1
    folder = next((project / "clusters").rglob("*.yaml")).parent
    text = yaml.safe_dump({"apiVersion": "v1", "kind": "List", "items": items})
    (folder / "repositories.yaml").write_text(text, encoding="utf-8")
    capsys.readouterr()
    arguments = ["report", "retention", "--format=json", "--change=5", "--days=2", _START]
    assert run(arguments) == 0
    after = json.loads(capsys.readouterr().out)
    assert after["sizes"] == {"recorded": 1, "assumed": 0, "requested": 0, "unknown": 0}
    stored = {one["name"]: one for one in after["storages"]}
    assert stored["local"]["firstBytes"] == 3 * 2**30
    assert stored["other"]["firstBytes"] > 2 * 2**30


def test_volumes_with_minutes_of_their_own_are_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    company = ROOT / "examples" / "company"
    assert run(["report", "schedule", _START, "--days=10", f"--project={company}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (gold,) = [line for line in lines if " gold " in line]
    assert gold.split("  ")[1].endswith(" and 30 more")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("days", ["1", "2", "400"])
def test_hours_of_a_day_are_averages_of_the_days_there_are(
    days: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", "schedule", _START, f"--days={days}"]) == 0
    printed = capsys.readouterr().out
    assert printed.count("\n  local    0   0   0   1   0   0   0   1   0   0   0   1\n") == 2
