"""The examples are whole user repositories, and the catalogue's policies work in one.

Small ones have all of their output committed. Of a large one ``expected/`` has what the commands
say and the output of one namespace.
"""

import re
import shlex
import shutil
from datetime import date
from pathlib import Path, PurePosixPath

import pytest

from stashgen import pipeline
from stashgen.cli.main import run
from stashgen.load import load
from tests.golden.golden import HINT, differences, files_below, rewrite
from tests.support.examples import EXAMPLES, FOLDER, figures_of
from tests.support.readme import steps

ROOT = Path(__file__).parents[2]
EXAMPLE = FOLDER / "local-storage"
CATALOGUE = sorted(path.name for path in (ROOT / "policies").glob("*.yaml"))
# The large ones, each with the namespace of which it shows the output, and what it explains.
LARGE = {
    "argocd-monorepo": ("prod/wiki", ("search/data-eu-index-0", "billing/archive-billing-0")),
    "company": (
        "prod-eu/wiki",
        ("payments/data-ledger-0", "legal/contracts", "wiki/pages"),
    ),
    "flux-home": ("home/observability", ("media/plex-config", "network/unifi")),
}
WHOLE = [name for name in EXAMPLES if name not in LARGE]
# It renders with kustomize and helm: tests/api_contract/test_examples.py.
_ELSEWHERE = {"stashgen inventory", "stashgen inventory --check"}


@pytest.mark.parametrize("example", WHOLE)
def test_the_output_that_an_example_shows_is_what_a_build_writes(
    example: str, request: pytest.FixtureRequest, capfd: pytest.CaptureFixture[str]
) -> None:
    project = str(FOLDER / example)
    if request.config.getoption("--update-golden"):
        assert run(["build", "--project", project]) == 0
    code = run(["check", "--project", project])
    printed = capfd.readouterr().err
    assert code == 0, f"{printed}\n{HINT}"
    assert "warning" not in printed


@pytest.mark.parametrize("example", LARGE)
def test_a_large_example_comes_to_what_it_shows(
    example: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    project = tmp_path / example
    shutil.copytree(FOLDER / example, project)
    monkeypatch.chdir(project)
    code = run(["build"])
    printed = capfd.readouterr()
    assert (code, printed.out) == (0, "")
    produced = {"build.txt": printed.err.encode()}
    folder, volumes = LARGE[example]
    explained = []
    for volume in volumes:
        assert run(["explain", volume]) == 0
        explained.append(f"$ stashgen explain {volume}\n{capfd.readouterr().out}")
    produced["explain.txt"] = "\n".join(explained).encode()
    shown = Path("rendered", folder)
    produced |= {f"{shown}/{name}": one for name, one in files_below(project / shown).items()}
    expected = FOLDER / example / "expected"
    if request.config.getoption("--update-golden"):
        rewrite(expected, produced)
    report = differences(expected, produced)
    if report:
        pytest.fail("\n".join(report))


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_commands_that_an_example_shows_say_what_it_shows(
    example: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    project = tmp_path / example
    shutil.copytree(FOLDER / example, project)
    monkeypatch.chdir(project)
    for command, output in steps((project / "README.md").read_text(encoding="utf-8")):
        if command in _ELSEWHERE:
            continue
        program, *arguments = shlex.split(command)
        assert program == "stashgen"
        assert run(arguments) == 0
        printed = capfd.readouterr()
        if output:
            assert printed.out + printed.err == output


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_figures_of_an_example_are_documented(example: str) -> None:
    text = (ROOT / "docs" / "examples.md").read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| \[{example}\]\(.*$", text, re.MULTILINE)
    written = [int(cell) for cell in row.split(" | ")[2:-1]]
    found = figures_of(example)
    assert found.unprotected == 0
    assert written == [
        *(found.documents, found.lines, found.found, found.protected, found.excluded),
        *(found.unknown, found.files),
    ]


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_command_for_an_output_outside_git_works_for_an_example(
    example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shutil.copytree(FOLDER / example, tmp_path / example))
    ((command, _),) = steps((ROOT / "docs" / "examples.md").read_text(encoding="utf-8"))
    assert run(shlex.split(command)[1:]) == 0
    files = [path for path in Path("preview").rglob("*") if path.is_file()]
    assert len(files) == figures_of(example).files


@pytest.mark.parametrize("example", LARGE)
def test_check_of_an_example_without_output_is_one_finding(
    example: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "--project", str(FOLDER / example)]) == 1
    printed = capfd.readouterr().err
    number = figures_of(example).files
    assert printed.count(": error SG") == 1
    assert f"the output has not been built: {number} files missing\n" in printed


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_policy_of_the_catalogue_works_once_it_is_copied(name: str, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "policies" / "gold.yaml").unlink()
    shutil.copy(ROOT / "policies" / name, tmp_path / "policies")
    text = (ROOT / "policies" / name).read_text(encoding="utf-8")
    (label,) = re.findall(r"matchLabels:\n +(backup: [a-z]+)\n", text)
    namespace = tmp_path / "clusters" / "home" / "photos" / "namespace.yaml"
    namespace.write_text(namespace.read_text("utf-8").replace("backup: gold", label), "utf-8")

    loaded = load(tmp_path)
    assert loaded.value is not None
    assert loaded.findings == ()
    compiled = pipeline.compile(loaded.value, (), date(2026, 3, 1))
    assert [finding.what for finding in compiled.findings] == []
    volumes = {PurePosixPath(f"home/photos/{volume}.yaml") for volume in ("library", "database")}
    assert volumes <= compiled.value.files.keys()
