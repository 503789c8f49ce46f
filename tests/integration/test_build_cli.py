"""``stashgen build`` and ``stashgen check`` as processes: exit codes, streams, signals."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from stashgen import __version__
from stashgen.cli.main import main
from stashgen.model.manifest import FileTree
from stashgen.output.tree import read_output
from stashgen.yaml.documents import read_documents
from tests.support.preloaded import run_preloaded

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "local-storage"
BROKEN = ROOT / "tests" / "golden" / "cases" / "fields" / "input"
COVERAGE = "protected 2, excluded 1, unprotected 0, unknown 0\n"
COMMAND = (sys.executable, "-m", "stashgen")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example, built."""
    return shutil.copytree(EXAMPLE, tmp_path / "project")


def read_tree(root: Path) -> FileTree:
    return read_output(root, "home").generated


def stashgen(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run_preloaded(main, [*map(str, arguments)], os.environ, cwd)


def test_usage_and_environment_errors_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = (
        f"there is no stashgen.yaml in {tmp_path} nor in a folder above it; "
        "--project names its folder, and stashgen init makes one"
    )
    for arguments, message in (
        (["build"], nowhere),
        (["build", "--project", "."], f"there is no stashgen.yaml in {tmp_path}"),
        (["check", "--project", "missing"], "missing is not a folder"),
        (["build", "--project", "file"], "file is not a folder"),
        (["check", "--project", "x" * 300], f"cannot read {'x' * 300}: File name too long"),
    ):
        result = stashgen(*arguments, cwd=tmp_path)
        assert (result.returncode, result.stdout) == (2, "")
        assert result.stderr == f"stashgen: {message}\n"
    assert stashgen(cwd=tmp_path).returncode == 2


def test_the_project_is_found_from_any_folder_in_it(project: Path) -> None:
    for arguments in (["check"], ["--project", "../..", "check"]):
        result = stashgen(*arguments, cwd=project / "clusters" / "home")
        assert result.returncode == 0, result.stderr
        assert "../../rendered: " in result.stderr


def test_help_is_a_verb_too_and_a_mistyped_flag_shows_its_verbs_usage(tmp_path: Path) -> None:
    assert stashgen("help", cwd=tmp_path).stdout == stashgen("--help", cwd=tmp_path).stdout
    for arguments in (["help", "build"], ["build", "--help"]):
        assert stashgen(*arguments, cwd=tmp_path).stdout.startswith("usage: stashgen build ")
    result = stashgen("build", "--projct", "x", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith("usage: stashgen build ")
    assert result.stderr.endswith("error: unrecognized arguments: --projct x\n")


def test_findings_go_to_stderr_with_exit_code_1_and_nothing_is_written(tmp_path: Path) -> None:
    project = shutil.copytree(BROKEN, tmp_path / "broken")
    before = sorted(project.rglob("*"))
    for arguments in (["build"], ["build", "--stdout"], ["build", "-o", "out"], ["check"]):
        result = stashgen(*arguments, "--project", "broken", cwd=tmp_path)
        assert (result.returncode, result.stdout) == (1, "")
        assert "broken/policies/hourly.yaml:8:3: error SG201: " in result.stderr
        assert "Traceback" not in result.stderr
    assert sorted(project.rglob("*")) == before
    assert not (tmp_path / "out").exists()


def test_an_output_that_has_errors_keeps_its_last_good_state(project: Path) -> None:
    before = read_tree(project / "rendered")
    policy = project / "policies" / "gold.yaml"
    policy.write_text(policy.read_text().replace("every: 4h", "every: 5h"))
    assert stashgen("build", cwd=project).returncode == 1
    assert read_tree(project / "rendered") == before


def test_a_change_is_stale_until_it_is_built(project: Path) -> None:
    assert stashgen("check", cwd=project).returncode == 0
    policy = project / "policies" / "gold.yaml"
    policy.write_text(policy.read_text().replace("every: 4h", "every: 2h"))
    stale = stashgen("check", cwd=project)
    assert stale.returncode == 1
    assert stale.stderr.count("error SG702: ") == 2
    built = stashgen("build", cwd=project)
    assert (built.returncode, built.stdout) == (0, "")
    assert built.stderr == f"rendered: 2 files written, 0 deleted, 4 unchanged\n{COVERAGE}"
    assert stashgen("check", cwd=project).returncode == 0


def test_require_decides_the_exit_code_and_nothing_else(project: Path) -> None:
    claims = project / "clusters" / "home" / "photos" / "volumes.yaml"
    assert stashgen("check", "--require=protected", "--require=known", cwd=project).returncode == 0
    claims.write_text(
        claims.read_text() + "---\napiVersion: v1\nkind: PersistentVolumeClaim\n"
        "metadata: {name: ledger, namespace: bank}\n"
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: bank}\n"
        "---\napiVersion: volsync.backube/v1alpha1\nkind: ReplicationSource\n"
        "metadata: {name: mail, namespace: bank}\nspec: {sourcePVC: mail}\n"
    )
    coverage = "protected 2, excluded 1, unprotected 1 (bank/ledger), unknown 1\n"
    for arguments, code, lacking in (
        (["check"], 0, []),
        (["check", "--require", "protected"], 1, ["--require protected: 1 volume unprotected"]),
        (["build", "--stdout", "--require", "known"], 1, ["--require known: 1 volume unknown"]),
        (
            ["build", "--require", "known", "--require", "protected"],
            1,
            ["--require protected: 1 volume unprotected", "--require known: 1 volume unknown"],
        ),
    ):
        result = stashgen(*arguments, cwd=project)
        assert result.returncode == code
        assert [one for one in result.stderr.splitlines() if "--require" in one] == lacking
        assert result.stderr.endswith(coverage)
    policy = project / "policies" / "gold.yaml"
    policy.write_text(policy.read_text().replace("every: 4h", "every: 2h"))
    assert stashgen("build", "--require", "known", cwd=project).returncode == 1
    assert stashgen("check", cwd=project).returncode == 0


def test_a_second_build_touches_no_file(project: Path) -> None:
    files = sorted(path for path in (project / "rendered").rglob("*") if path.is_file())
    before = [path.stat().st_mtime_ns for path in files]
    result = stashgen("build", cwd=project)
    assert result.stderr == f"rendered: 0 files written, 0 deleted, 6 unchanged\n{COVERAGE}"
    assert [path.stat().st_mtime_ns for path in files] == before


def test_stdout_has_every_object_and_nothing_else(project: Path) -> None:
    shutil.rmtree(project / "rendered")
    result = stashgen("build", "--stdout", cwd=project)
    assert (result.returncode, result.stderr) == (0, COVERAGE)
    assert not (project / "rendered").exists()
    documents = read_documents(result.stdout.encode(), PurePosixPath("stdout"))
    assert documents.findings == ()
    streamed = [one.data for one in documents.value]
    committed = [
        one.data
        for path, content in sorted(read_tree(EXAMPLE / "rendered").items())
        if path.name != "kustomization.yaml"
        for one in read_documents(content, path).value
    ]
    assert streamed == committed


def test_another_output_folder_takes_the_same_files(project: Path, tmp_path: Path) -> None:
    shutil.rmtree(project / "rendered")
    result = stashgen("build", "-o", tmp_path / "out" / "deep", "--project", project, cwd=tmp_path)
    assert result.returncode == 0
    assert read_tree(tmp_path / "out" / "deep") == read_tree(EXAMPLE / "rendered")
    assert not (project / "rendered").exists()


def test_an_output_that_holds_the_project_or_its_inputs_is_refused(
    project: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for output in (".", "..", "policies", "clusters", str(tmp_path), "clusters/home"):
        result = stashgen("build", "-o", output, cwd=project)
        assert result.returncode == 2
        assert f"{output} cannot be the output folder: the build reads /" in result.stderr
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_an_unreadable_file_has_no_consequences_among_the_findings(project: Path) -> None:
    storage = project / "policies" / "storage.yaml"
    storage.write_text(storage.read_text().replace("  name: local", "\tname: local"))
    result = stashgen("build", cwd=project)
    assert result.returncode == 1
    assert [line for line in result.stderr.splitlines() if ": error SG" in line] == [
        "policies/storage.yaml:4:1: error SG105: a tab is used for indentation"
    ]
    assert "1 error in 1 file\n" in result.stderr


def test_check_tells_what_stands_in_the_way_of_a_build(project: Path) -> None:
    output = project / "rendered" / "home" / "photos"
    (output / "library.yaml").write_text("mine\n")
    (output / "database.yaml").unlink()
    checked, built = stashgen("check", cwd=project), stashgen("build", cwd=project)
    assert (checked.returncode, built.returncode) == (1, 1)
    assert [
        line.split(": ")[1] for line in checked.stderr.splitlines() if ": error SG" in line
    ] == [
        "error SG701",
        "error SG601",
    ]
    shutil.rmtree(output)
    output.symlink_to(project / "clusters")
    linked = stashgen("check", cwd=project)
    assert linked.stderr.startswith("rendered/home/photos:1:1: error SG602: ")
    assert linked.stderr.endswith(f"1 error in 1 file\n{COVERAGE}")


def test_an_output_that_cannot_be_written_is_exit_code_2(project: Path) -> None:
    result = stashgen("build", "-o", "/proc/stashgen", cwd=project)
    assert result.returncode == 2
    assert result.stderr.startswith("stashgen: cannot write /proc/stashgen")
    assert result.stderr.count("\n") == 1


def test_a_full_disk_behind_stdout_is_exit_code_2(project: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        result = _to(full.fileno(), project)
    assert result.returncode == 2
    assert result.stderr == b"stashgen: output: No space left on device\n"


def test_a_reader_that_went_away_ends_the_build_without_a_traceback(project: Path) -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    result = _to(write_end, project)
    os.close(write_end)
    assert (result.returncode, result.stderr) == (2, b"")


def test_closed_standard_streams_are_an_error_only_where_they_are_needed(project: Path) -> None:
    for arguments, code, printed in (
        ("build --stdout >&-", 2, "stashgen: standard output is closed\n"),
        ("check >&-", 0, f"rendered: 6 files up to date\n{COVERAGE}"),
        ("check 2>&-", 0, ""),
        ("build >&- 2>&-", 0, ""),
    ):
        result = subprocess.run(
            ["sh", "-c", f'"{sys.executable}" -m stashgen {arguments}'],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert (result.returncode, result.stdout, result.stderr) == (code, "", printed)


def _to(stdout: int, project: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, "build", "--stdout"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        timeout=180,
    )


@pytest.fixture
def full_pipe() -> Iterator[tuple[int, int]]:
    """A pipe that takes no byte more: whoever writes to it waits."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    try:
        while True:
            os.write(write_end, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(write_end, True)
    yield read_end, write_end
    os.close(read_end)
    os.close(write_end)


def test_an_interrupt_ends_the_build_with_exit_code_130(
    project: Path, full_pipe: tuple[int, int]
) -> None:
    with subprocess.Popen(
        # Else a run of the tests in the background, which ignores interrupts, would pass that on.
        ["env", "--default-signal=INT", *COMMAND, "build", "--stdout"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=full_pipe[1],
        stderr=subprocess.PIPE,
    ) as process:
        waiting = Path(f"/proc/{process.pid}/wchan")
        deadline = time.monotonic() + 120
        while "pipe" not in waiting.read_text() and time.monotonic() < deadline:
            time.sleep(0.02)
        # Only now: what is left in Python's buffer must not block the end of the process.
        process.send_signal(signal.SIGINT)
        try:
            _, printed = process.communicate(timeout=120)
        finally:
            process.kill()
    assert (process.returncode, printed) == (130, b"stashgen: interrupted\n")


def test_a_bug_of_ours_is_one_line_and_a_traceback_only_on_request(project: Path) -> None:
    broken = (
        "import sys, zoneinfo\n"
        "class Broken:\n"
        "    def __init__(self, key): raise RuntimeError('wheels\\nfell off')\n"
        "zoneinfo.ZoneInfo = Broken\n"
        "from stashgen.cli.main import main\n"
        "sys.exit(main())\n"
    )
    for flags, lines in (([], 1), (["--debug"], None)):
        result = subprocess.run(
            [sys.executable, "-c", broken, "check", *flags],
            cwd=project,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert (result.returncode, result.stdout) == (3, "")
        last = result.stderr.splitlines()[-1]
        assert last.startswith(f"stashgen: this is a bug in stashgen {__version__}: RuntimeError: ")
        assert ("Traceback" in result.stderr) == bool(flags)
        assert lines is None or result.stderr.count("\n") == lines


def test_version_starts_without_the_models(tmp_path: Path) -> None:
    check = (
        "import sys\n"
        "from stashgen.cli.main import run\n"
        "code = run(['--version'])\n"
        "heavy = {'pydantic', 'ruamel', 'croniter', 'jinja2'} & sys.modules.keys()\n"
        "sys.exit(f'{heavy}' if heavy else code)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", check],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert (result.returncode, result.stdout) == (0, f"stashgen {__version__}\n")


def _lose_the_library(project: Path) -> None:
    volumes = project / "clusters" / "home" / "photos" / "volumes.yaml"
    volumes.write_text(volumes.read_text().partition("---\n")[2])


def _retire(project: Path) -> None:
    with (project / "stashgen.yaml").open("a") as file:
        file.write(
            '  retired:\n  - {volume: photos/library, cluster: hom1, until: "2999-12-31", '
            "reason: moved}\n"
        )


@pytest.mark.parametrize("arguments", [["check"], ["build"], ["build", "--stdout"]])
def test_a_lost_volume_is_refused_by_every_command(project: Path, arguments: list[str]) -> None:
    before = read_tree(project / "rendered")
    _lose_the_library(project)
    result = stashgen(*arguments, cwd=project)
    assert (result.returncode, result.stdout) == (1, "")
    assert "rendered/home/photos/library.yaml:1:1: error SG705: " in result.stderr
    assert read_tree(project / "rendered") == before


def test_another_output_folder_may_not_lose_what_the_projects_own_protects(
    project: Path, tmp_path: Path
) -> None:
    _lose_the_library(project)
    result = stashgen("build", "-o", tmp_path / "out", "--project", project, cwd=tmp_path)
    assert result.returncode == 1
    assert "project/rendered/home/photos/library.yaml:1:1: error SG705: " in result.stderr
    assert not (tmp_path / "out").exists()


def test_another_output_folder_may_not_lose_what_it_protects_itself(
    project: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert stashgen("build", "-o", out, cwd=project).returncode == 0
    before = read_tree(out)
    shutil.rmtree(project / "rendered")
    _lose_the_library(project)
    result = stashgen("build", "-o", out, "--project", project, cwd=tmp_path)
    assert result.returncode == 1
    assert f"{out}/home/photos/library.yaml:1:1: error SG705: " in result.stderr
    assert read_tree(out) == before


def test_a_retired_volume_is_the_same_in_every_output(project: Path, tmp_path: Path) -> None:
    _lose_the_library(project)
    _retire(project)
    out = tmp_path / "out"
    assert stashgen("build", "-o", out, cwd=project).returncode == 0
    assert stashgen("build", cwd=project).returncode == 0
    assert read_tree(out) == read_tree(project / "rendered")
    stream = stashgen("build", "--stdout", cwd=project)
    assert stream.returncode == 0
    assert 'stashgen.dev/retired: "2999-12-31"' in stream.stdout
    assert stashgen("check", cwd=project).returncode == 0


def test_an_output_folder_of_another_project_is_left_alone(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert stashgen("build", "-o", out, cwd=project).returncode == 0
    before = read_tree(out)
    own = project / "stashgen.yaml"
    own.write_text(own.read_text().replace("name: home\nspec", "name: other\nspec"))
    result = stashgen("build", "-o", out, cwd=project)
    assert result.returncode == 1
    assert 'error SG603: a file of project "home" is in the way of the output' in result.stderr
    assert read_tree(out) == before


def test_no_folder_outside_the_project_is_read_as_its_output(project: Path) -> None:
    own = project / "stashgen.yaml"
    own.write_text(own.read_text().replace("spec:\n", "spec:\n  output: /proc\n", 1))
    result = stashgen("build", cwd=project)
    assert result.returncode == 1
    assert 'error SG205: "/proc" is not a folder inside the project' in result.stderr
