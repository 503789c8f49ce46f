"""``stashgen inventory`` as a process: programs that are missing, fail, hang or print nonsense.

The programs here are fakes; tests/api_contract/test_inventory.py has the real ones.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest

from stashgen.cli.main import main
from tests.support.preloaded import run_preloaded
from tests.support.project import PROJECT, claim

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "stashgen", "inventory")
RECORD = "inventory/demo.yaml"
OLD = b"# Recorded by stashgen inventory; DO NOT EDIT.\n# cluster: dem1\n"


def project(folder: Path, sources: str | None) -> Path:
    """A project whose inventory is recorded, with an empty record."""
    inventory = '[{manifests: ["clusters/demo/*.yaml"]}]'
    assert inventory in PROJECT
    given = "" if sources is None else f", from: [{sources}]"
    text = PROJECT.replace(inventory, f"[{{recorded: {RECORD}{given}}}]")
    (folder / "stashgen.yaml").write_text(text, encoding="utf-8")
    (folder / RECORD).parent.mkdir()
    (folder / RECORD).write_bytes(OLD)
    return folder


def program(folder: Path, name: str, text: str) -> None:
    """A shell script on PATH."""
    path = folder / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


def environment(folder: Path) -> Mapping[str, str]:
    """Only the fakes, and a few programs that these need, are on PATH."""
    (folder / "bin").mkdir(exist_ok=True)
    for name in ("cat", "sleep", "head"):
        if not (folder / "bin" / name).exists():
            (folder / "bin" / name).symlink_to(shutil.which(name) or name)
    return {**os.environ, "PYTHONPATH": str(ROOT), "PATH": str(folder / "bin")}


def run(
    folder: Path, *arguments: str, given: str | None = None
) -> subprocess.CompletedProcess[str]:
    if given is None:
        return run_preloaded(main, ["inventory", *arguments], environment(folder), folder)
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(folder),
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("{kustomize: .}", "kustomize or kubectl is not on PATH; install it: go install sigs.k8s"),
        ("{flux: apps}", "kustomize or kubectl is not on PATH; install it: go install sigs.k8s"),
        (
            "{helm: {chart: inventory, release: a, namespace: b}}",
            "helm is not on PATH; install it: go install helm.sh/helm/v3/cmd/helm@latest",
        ),
        ("{command: [flux-local]}", "flux-local is not on PATH; install it: uv tool install"),
        ("{command: [list-claims]}", "list-claims is not on PATH; install it, or correct"),
        ("{command: [tools/list]}", "tools/list does not exist in"),
        ("{command: [stashgen.yaml/x]}", "stashgen.yaml/x does not exist in"),
        ("{command: [./stashgen.yaml]}", "cannot run ./stashgen.yaml: "),
    ],
)
def test_a_missing_program_is_named_with_its_installation(
    tmp_path: Path, source: str, message: str
) -> None:
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "kustomization.yaml").write_text("resources: []\n", encoding="utf-8")
    done = run(project(tmp_path, source))
    assert message in done.stderr
    assert done.stderr.startswith("stashgen: ")
    assert done.returncode == 2
    assert (tmp_path / RECORD).read_bytes() == OLD


def test_a_failing_program_is_shown_with_the_end_of_what_it_says(tmp_path: Path) -> None:
    program(
        tmp_path, "kubectl", 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "E $i" >&2; done; exit 7'
    )
    done = run(project(tmp_path, "{command: [kubectl, get, pvc]}"))
    shown = "".join(f"  E {number}\n" for number in range(3, 13))
    assert done.stderr == f"stashgen: kubectl get pvc failed (exit code 7)\n{shown}"
    assert done.returncode == 2
    assert (tmp_path / RECORD).read_bytes() == OLD


def test_a_failure_after_all_manifests_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(claim("data"), encoding="utf-8")
    program(tmp_path, "kubectl", "cat all.yaml; exit 1")
    done = run(project(tmp_path, "{command: [kubectl]}"))
    assert (done.returncode, (tmp_path / RECORD).read_bytes()) == (2, OLD)


def test_the_second_source_failing_leaves_the_record(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(claim("data"), encoding="utf-8")
    program(tmp_path, "kubectl", "exit 1")
    done = run(project(tmp_path, "{command: [cat, all.yaml]}, {command: [kubectl]}"))
    assert (done.returncode, (tmp_path / RECORD).read_bytes()) == (2, OLD)


def test_words_of_a_program_cannot_pretend_to_be_ours(tmp_path: Path) -> None:
    program(tmp_path, "kubectl", r"printf '\033[2Jgone\r\n' >&2; exit 1")
    done = run(project(tmp_path, "{command: [kubectl]}"))
    assert "\033" not in done.stderr
    assert r"\x1b[2Jgone" in done.stderr


def test_output_without_end_is_cut_off(tmp_path: Path) -> None:
    program(tmp_path, "kubectl", "while :; do cat /dev/zero; done")
    done = run(project(tmp_path, "{command: [kubectl]}"))
    assert done.stderr == "stashgen: kubectl prints more than 64 MB\n"
    assert done.returncode == 2


def test_arguments_reach_the_program_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(claim("data"), encoding="utf-8")
    program(tmp_path, "list", 'printf "%s\\n" "$@" > arguments; cat all.yaml')
    done = run(project(tmp_path, '{command: [list, "a b", "$HOME", "*; exit 1", "-"]}'))
    assert done.returncode == 0
    assert (tmp_path / "arguments").read_text() == "a b\n$HOME\n*; exit 1\n-\n"


def test_a_program_has_no_standard_input(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(claim("data"), encoding="utf-8")
    program(tmp_path, "list", "cat - all.yaml")
    done = run(project(tmp_path, "{command: [list]}"), given=claim("other"))
    assert done.returncode == 0
    assert b"other" not in (tmp_path / RECORD).read_bytes()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_the_record_and_no_process(tmp_path: Path, number: int) -> None:
    program(tmp_path, "kubectl", "echo $$ > pid; exec sleep 300")
    folder = project(tmp_path, "{command: [kubectl]}")
    # What a shell starts in the background ignores SIGINT.
    env = shutil.which("env") or ""
    running = subprocess.Popen(
        [env, "--default-signal=INT", *COMMAND], cwd=folder, env=environment(folder)
    )
    deadline = time.monotonic() + 60
    while not (folder / "pid").exists() or not (folder / "pid").read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.send_signal(number)
    assert running.wait(60) == 128 + number
    assert (folder / RECORD).read_bytes() == OLD
    with pytest.raises(ProcessLookupError):
        os.killpg(int((folder / "pid").read_text()), 0)


def test_a_record_that_cannot_be_written_is_left(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(claim("data"), encoding="utf-8")
    folder = project(tmp_path, "{command: [cat, all.yaml]}")
    other = folder / "elsewhere.yaml"
    other.write_bytes(OLD)
    (folder / RECORD).unlink()
    (folder / RECORD).symlink_to(other)
    done = run(folder)
    assert done.stderr == (
        f"stashgen: {RECORD} is a symbolic link; a record is never written through one\n"
    )
    assert (done.returncode, other.read_bytes()) == (2, OLD)


def test_a_record_is_not_written_outside_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    folder = project(tmp_path / "project", "{command: [cat, all.yaml]}")
    shutil.rmtree(folder / "inventory")
    (tmp_path / "outside").mkdir()
    (folder / "inventory").symlink_to(tmp_path / "outside")
    done = run(folder)
    assert done.stderr == f"stashgen: {RECORD} leads out of the project\n"
    assert (done.returncode, [*(tmp_path / "outside").iterdir()]) == (2, [])


def test_a_record_that_flux_would_apply_is_refused(tmp_path: Path) -> None:
    program(tmp_path, "kubectl", "exit 1")
    done = run(project(tmp_path, "{flux: .}"))
    assert "where the record demo.yaml is: its workloads have no images" in done.stderr
    assert (done.returncode, (tmp_path / RECORD).read_bytes()) == (2, OLD)


def test_standard_input_is_a_record_without_sources(tmp_path: Path) -> None:
    folder = project(tmp_path, None)
    done = run(folder)
    assert done.stderr == (
        f"{RECORD}: left as it is; it is read from standard input "
        "(stashgen inventory --cluster demo -)\n"
    )
    (folder / RECORD).unlink()
    done = run(folder)
    assert done.stderr == (
        f"{RECORD}: does not exist, and a build needs it; pipe it to "
        "stashgen inventory --cluster demo -\n"
    )
    missing = run(folder, "--check")
    assert missing.returncode == 1
    assert "SG717: the record does not exist" in missing.stderr
    assert "fix: pipe it to stashgen inventory --cluster demo -" in missing.stderr
    done = run(folder, "--cluster", "demo", "-", given=claim("data"))
    assert done.stderr == f"{RECORD}: written (1 PersistentVolumeClaim)\n"
    assert done.returncode == 0
    assert run(folder, "--check", "-", given=claim("data")).returncode == 0
    stale = run(folder, "--check", "-", given=claim("logs"))
    assert stale.returncode == 1
    assert re.findall(r"SG717: (.*)", stale.stderr) == [
        "the object is not in the record",
        "the object is in no source any more",
    ]


def test_standard_input_without_manifests_is_refused(tmp_path: Path) -> None:
    folder = project(tmp_path, None)
    done = run(folder, "-", given="")
    assert done.stderr == ("stashgen: standard input: no output, where manifests are expected\n")
    assert (done.returncode, (folder / RECORD).read_bytes()) == (2, OLD)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--cluster", "prod"], 'the project has no cluster "prod"; it has demo'),
        (["-"], "standard input can be one record, and 0 records without from: could be meant"),
        (["x"], "argument -: invalid choice: 'x'"),
    ],
)
def test_usage_errors_are_named(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = run(project(tmp_path, "{command: [cat, all.yaml]}"), *arguments, given="")
    assert message in done.stderr
    assert done.returncode == 2


def test_a_project_without_a_record_has_nothing_to_do(tmp_path: Path) -> None:
    (tmp_path / "stashgen.yaml").write_text(PROJECT, encoding="utf-8")
    done = run(tmp_path)
    assert "no inventory of the project is recorded" in done.stderr
    assert done.returncode == 2


def test_a_build_runs_no_program(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "none.yaml").touch()
    program(tmp_path, "kubectl", "touch ran")
    folder = project(tmp_path, "{command: [kubectl]}")
    for verb in ("build", "check"):
        run_preloaded(main, [verb], environment(folder), folder)
    assert not (folder / "ran").exists()
