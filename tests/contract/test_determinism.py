"""The same input gives the same bytes, wherever and whenever it is compiled."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INPUTS = {
    "objects": ROOT / "examples" / "local-storage",
    "clock changes": ROOT / "tests" / "golden" / "cases" / "clock-changes" / "input",
    "findings": ROOT / "tests" / "golden" / "cases" / "fields" / "input",
    "references": ROOT / "tests" / "golden" / "cases" / "references" / "input",
}
# Several at once: a start of Python costs more than what it tells apart.
SETTINGS = {
    "another hash seed and time zone, no UTF-8": {
        "PYTHONHASHSEED": "4242",
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONCOERCECLOCALE": "0",
    },
    "a random hash seed, another language, no assertions, development mode": {
        "PYTHONHASHSEED": "random",
        "LC_ALL": "tr_TR.UTF-8",
        "LANG": "tr_TR.UTF-8",
        "PYTHONOPTIMIZE": "2",
        "PYTHONDEVMODE": "1",
    },
}


def _build(project: Path, settings: dict[str, str]) -> tuple[int, bytes, bytes]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **settings}
    result = subprocess.run(
        [sys.executable, "-m", "stashgen", "build", "--stdout"],
        cwd=project,
        env=environment,
        capture_output=True,
        check=False,
        timeout=120,
    )
    return result.returncode, result.stdout, result.stderr


@pytest.fixture(scope="module")
def usual() -> dict[str, tuple[int, bytes, bytes]]:
    """What each input gives in plain circumstances."""
    results = {name: _build(folder, {"PYTHONHASHSEED": "0"}) for name, folder in INPUTS.items()}
    assert [code for code, _, _ in results.values()] == [0, 0, 1, 1]
    assert results["objects"][1]
    assert results["clock changes"][2]
    return results


@pytest.mark.parametrize("name", INPUTS)
@pytest.mark.parametrize("setting", SETTINGS)
def test_the_environment_changes_no_byte(
    setting: str, name: str, usual: dict[str, tuple[int, bytes, bytes]]
) -> None:
    assert _build(INPUTS[name], SETTINGS[setting]) == usual[name]


@pytest.mark.parametrize("name", INPUTS)
def test_another_folder_and_order_of_files_change_no_byte(
    name: str, usual: dict[str, tuple[int, bytes, bytes]], tmp_path: Path
) -> None:
    project = tmp_path / "Änother folder with 'quotes'"
    files = [path for path in INPUTS[name].rglob("*") if path.is_file()]
    for path in sorted(files, reverse=True):
        target = project / path.relative_to(INPUTS[name])
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        os.utime(target, (0, 0))
    assert _build(project, {}) == usual[name]


def test_a_build_after_a_build_finds_nothing_to_do(tmp_path: Path) -> None:
    project = shutil.copytree(INPUTS["objects"], tmp_path / "project")
    shutil.rmtree(project / "rendered")
    first = _build(project, {})
    for _ in range(2):
        subprocess.run(
            [sys.executable, "-m", "stashgen", "build"],
            cwd=project,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        )
    assert _build(project, {}) == first
