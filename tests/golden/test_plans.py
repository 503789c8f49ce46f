"""What ``stashgen plan`` says of changes of one project, in every format.

``plans/base`` is the project before. A case is ``plans/<case>/change``, files that it adds or
replaces, ``removed``, the paths of those that it deletes, and ``expected``; some have ``before``,
files that differ from ``plans/base`` on both sides. The output is built on both sides; where the
build refuses the change, the output stays as it was.
"""

import json
import shutil
from pathlib import Path

import jsonschema_rs
import pytest

from stashgen.cli.main import run
from tests.golden.golden import differences, rewrite
from tests.support.place import ROOT

PLANS = Path(__file__).parent / "plans"
_FORMATS = {"plan.txt": "text", "plan.md": "markdown", "plan.json": "json"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project before, with its output."""
    folder = tmp_path_factory.mktemp("plans") / "before"
    shutil.copytree(PLANS / "base", folder)
    assert run(["build", "--project", str(folder)]) == 0
    return folder


@pytest.mark.parametrize(
    "case", sorted(path.name for path in PLANS.iterdir() if path.name != "base")
)
def test_a_plan_says_what_is_expected(
    case: str,
    built: Path,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(built, "before")
    if (PLANS / case / "before").is_dir():
        shutil.copytree(PLANS / case / "before", "before", dirs_exist_ok=True)
        assert run(["build", "--project", "before"]) == 0
    shutil.copytree("before", "after")
    change, removed = PLANS / case / "change", PLANS / case / "removed"
    if change.is_dir():
        shutil.copytree(change, "after", dirs_exist_ok=True)
    for name in removed.read_text(encoding="utf-8").split() if removed.exists() else ():
        Path("after", name).unlink()
    run(["build", "--project", "after"])
    capfd.readouterr()
    produced = {}
    for name, format_ in _FORMATS.items():
        code = run(
            [
                "plan",
                "before",
                "after",
                "--format",
                format_,
                "--fail-on",
                "destroy,replace,rpo-worse,unprotected",
            ]
        )
        printed = capfd.readouterr()
        if format_ == "text":
            produced[name] = f"{printed.out}{printed.err}exit code {code}\n".encode()
        elif printed.out:
            produced[name] = printed.out.encode()
    if "plan.json" in produced:
        _validate(produced["plan.json"])

    expected = PLANS / case / "expected"
    if request.config.getoption("--update-golden"):
        rewrite(expected, produced)
    report = differences(expected, produced)
    if report:
        pytest.fail("\n".join(report))


def _validate(plan: bytes) -> None:
    found = json.loads(plan)
    name = {"Plan": "plan.schema.json", "Findings": "plan-findings.schema.json"}[found["kind"]]
    schema = json.loads((ROOT / "docs" / name).read_text(encoding="utf-8"))
    jsonschema_rs.validator_for(schema).validate(found)
