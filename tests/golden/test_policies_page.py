"""The project of docs/policies.md builds, and says what the page says."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stashgen.cli.main import run

PAGE = Path(__file__).parents[2] / "docs" / "policies.md"
_BLOCK = re.compile(r"^```yaml\n# (\S+\.yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SAID = re.compile(r"^```\n\$ stashgen build\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_the_project_of_the_page_builds_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name, content in _BLOCK.findall(text):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    code = run(["build"])
    said = _SAID.search(text)
    assert said is not None
    assert (capfd.readouterr().err, code) == (said[1], 0)
    schedules = {path.stem: _schedule(path) for path in tmp_path.glob("rendered/*/*/[!_]*.yaml")}
    assert schedules.pop("kustomization") == ""
    assert {name for name, one in schedules.items() if "/15" in one} == {"ledger", "journal-a"}
    assert sorted(schedules) == ["invoices", "journal-a", "ledger", "reports"]
    assert schedules["invoices"].split()[-1] in {"1-5", "2-6"}
    assert run(["explain", "payments/render-cache"]) == 0
    explained = capfd.readouterr().out
    assert 'says so: rendered again in an hour (owner "web")' in explained
    assert explained.rstrip().endswith("clusters/eu/payments.yaml:24:27")


def _schedule(path: Path) -> str:
    objects = YAML(typ="safe", pure=True).load_all(path.read_text(encoding="utf-8"))
    return next((str(one["spec"]["schedule"]) for one in objects if one["kind"] == "CronJob"), "")
