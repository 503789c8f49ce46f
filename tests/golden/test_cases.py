"""Whole user repositories, and every byte that the commands make of them.

A case is ``cases/<name>/input``, a project, and ``expected``: what ``stashgen check`` and
``stashgen build`` say (``check.txt``, ``build.txt``, with their exit codes) and the output folder
that the build leaves. ``check`` runs first, on the output folder that the input may hold. In a
project with a recorded inventory, so does ``stashgen inventory --check``; its only program is cat.
"""

import shutil
from pathlib import Path

import pytest

from stashgen.cli.main import run
from tests.golden.golden import differences, files_below, rewrite

CASES = Path(__file__).parent / "cases"
# Links to absolute paths, made here: pip refuses an archive of the repository that holds one.
_ABSOLUTE_LINKS = {"links": {"clusters/demo/host.yaml": "/etc/hostname"}}


@pytest.mark.parametrize("case", sorted(path.name for path in CASES.iterdir()))
def test_the_commands_say_and_write_what_is_expected(
    case: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    project = tmp_path / "project"
    shutil.copytree(CASES / case / "input", project, symlinks=True)
    for name, place in _ABSOLUTE_LINKS.get(case, {}).items():
        (project / name).symlink_to(place)
    monkeypatch.chdir(project)
    before = _inputs(project)
    produced = {}
    is_recorded = "recorded:" in (project / "stashgen.yaml").read_text("utf-8")
    for verb in ("inventory", "check", "build") if is_recorded else ("check", "build"):
        code = run([verb, "--check"] if verb == "inventory" else [verb])
        printed = capfd.readouterr()
        assert printed.out == ""
        produced[f"{verb}.txt"] = f"{printed.err}exit code {code}\n".encode()
    assert _inputs(project) == before
    output = files_below(project / "rendered")
    produced |= {f"rendered/{name}": content for name, content in output.items()}

    expected = CASES / case / "expected"
    if request.config.getoption("--update-golden"):
        rewrite(expected, produced)
    report = differences(expected, produced)
    if report:
        pytest.fail("\n".join(report))


def _inputs(project: Path) -> dict[str, bytes]:
    return {
        name: content
        for name, content in files_below(project).items()
        if not name.startswith("rendered/")
    }
