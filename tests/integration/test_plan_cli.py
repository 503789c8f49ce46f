"""``stashgen plan`` on real git repositories: what it compares, and what it leaves alone."""

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from stashgen.cli.main import main
from tests.support.preloaded import run_preloaded

_FILES = {
    "stashgen.yaml": """apiVersion: stashgen.dev/v1alpha1
kind: Project
metadata: {name: shop}
spec:
  defaults: {encryption: {secretName: restic-key}, job: {runAs: {user: 999}}}
  clusters: [{name: prod, id: prd1, inventory: [{manifests: ["clusters/*.yaml"]}]}]
""",
    "policies/all.yaml": """apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: s3}
spec:
  backend: {provider: s3, s3: {bucket: shop, region: eu-central-1}}
  credentials: {from: Namespace, secretName: s3}
---
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata: {name: all}
spec:
  select: {}
  sessions:
  - name: backup
    every: 1h
    copies: [{storage: s3, keep: {daily: 14}}]
""",
    "clusters/volumes.yaml": """apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: ledger, namespace: payments}
spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 1Gi}}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: pages, namespace: wiki}
spec: {accessModes: [ReadWriteMany], resources: {requests: {storage: 1Gi}}}
""",
}


def _stashgen(
    folder: Path, *arguments: str, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return run_preloaded(main, arguments, {**os.environ, **(variables or {})}, folder)


def _git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]
    command = ["git", *identity, "-c", "commit.gpgSign=false", *arguments]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def _write(project: Path, old: str = "", new: str = "") -> None:
    for name, text in _FILES.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace(old, new) if old else text, encoding="utf-8")


def _commit(folder: Path, message: str) -> None:
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "--allow-empty", "-m", message)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project in a folder of a repository, with its output, all of it committed."""
    repository = tmp_path / "repository"
    project = repository / "ops" / "backups"
    _write(project)
    assert _stashgen(project, "build").returncode == 0
    _git(repository, "init", "-q", "-b", "main")
    _commit(repository, "Begin")
    return project


def test_nothing_changes_in_a_clean_working_tree(project: Path) -> None:
    done = _stashgen(project, "plan", "--detailed-exitcode")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "Plan: HEAD -> the working tree\nnothing changes\n"


def test_the_working_tree_is_compared_as_a_build_would_write_it(project: Path) -> None:
    _write(project, "every: 1h", "every: 6h")
    done = _stashgen(project, "plan", "--detailed-exitcode")
    assert (done.returncode, done.stderr) == (4, "")
    assert "payments/ledger, wiki/pages: RPO 2h -> 7h\n" in done.stdout
    assert "because ops/backups/policies/all.yaml:15 every: 6h\n" in done.stdout
    assert "2 CronJob changed" in done.stdout


def test_a_range_of_revisions_names_files_as_the_repository_has_them(project: Path) -> None:
    _git(project, "switch", "-q", "-c", "rarely")
    _write(project, "every: 1h", "every: 6h")
    assert _stashgen(project, "build").returncode == 0
    _commit(project, "Back up every six hours")
    for given in ("main..HEAD", "main..", "main...rarely"):
        done = _stashgen(project.parent.parent, "plan", given, "--project", "ops/backups")
        assert done.returncode == 0, done.stderr
        assert "because ops/backups/policies/all.yaml:15 every: 6h\n" in done.stdout
        assert "2 BackupConfiguration changed" in done.stdout


def test_volume_without_a_policy_that_is_left_out_is_no_loss(project: Path) -> None:
    _write(project, "select: {}", "select: {namespaces: {names: [payments]}}")
    _commit(project, "Protect payments only")
    exclusion = """  exclusions:
  - {match: {namespaces: {names: [wiki]}}, reason: a copy, owner: ada, until: "2999-01-31"}
"""
    with (project / "stashgen.yaml").open("a", encoding="utf-8") as file:
        file.write(exclusion)
    done = _stashgen(project, "plan", "--for-namespace", "wiki", "--fail-on", "unprotected")
    assert (done.returncode, done.stderr) == (0, "")
    why = 'the project excludes it: a copy (owner "ada", until 2999-01-31) (was not protected)'
    assert f"Left out on purpose\n  wiki/pages: {why}\n" in done.stdout
    assert "because ops/backups/stashgen.yaml:8 exclusion\n" in done.stdout
    assert "left out on purpose" not in _stashgen(project, "plan", "--for-namespace", "lab").stdout


def test_three_dots_leave_out_what_the_other_branch_got_meanwhile(project: Path) -> None:
    _git(project, "switch", "-q", "-c", "rarely")
    _write(project, "every: 1h", "every: 6h")
    _commit(project, "Back up every six hours")
    _git(project, "switch", "-q", "main")
    _write(project, "daily: 14", "daily: 21")
    _commit(project, "Keep more")
    since = _stashgen(project, "plan", "main...rarely").stdout
    between = _stashgen(project, "plan", "main..rarely").stdout
    assert "daily" not in since
    assert "daily 21 -> daily 14" in between


def test_neither_repository_nor_index_nor_hooks_notice(project: Path) -> None:
    repository = project.parent.parent
    hook = repository / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {repository}/ran\n", encoding="utf-8")
    hook.chmod(0o755)
    (project / "new.txt").write_text("staged", encoding="utf-8")
    _git(project, "add", "new.txt")
    before = (repository / ".git" / "index").read_bytes()
    # As in a hook of git, which names the index.
    variables = {"GIT_INDEX_FILE": str(repository / ".git" / "index")}
    done = _stashgen(project, "plan", "HEAD..HEAD", variables=variables)
    assert (done.returncode, done.stderr) == (0, "")
    assert (repository / ".git" / "index").read_bytes() == before
    assert _git(repository, "worktree", "list").count("\n") == 1
    assert not (repository / "ran").exists()


def test_temporary_folders_are_gone_afterwards(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    done = _stashgen(project, "plan", "HEAD..HEAD", variables={"TMPDIR": str(folder)})
    assert done.returncode == 0
    assert [*folder.iterdir()] == []


def test_a_first_project_protects_everything_that_it_selects(project: Path) -> None:
    repository = project.parent.parent
    _git(repository, "switch", "-q", "--orphan", "empty")
    _commit(repository, "Nothing")
    _git(repository, "switch", "-q", "main")
    done = _stashgen(project, "plan", "empty..main", "--format", "json")
    assert done.returncode == 0, done.stderr
    plan = json.loads(done.stdout)
    assert [one["change"] for one in plan["volumes"]] == ["gained", "gained"]
    note = "empty has no ops/backups/stashgen.yaml: nothing is protected there"
    assert plan["notes"] == [note]
    assert {one["change"] for one in plan["objects"]} == {"added"}


def test_one_namespace_sees_only_what_happens_there(project: Path) -> None:
    _write(project, "daily: 14", "daily: 7")
    done = _stashgen(project, "plan", "--for-namespace", "wiki", "--format", "json")
    plan = json.loads(done.stdout)
    assert [one["namespace"] for one in plan["volumes"]] == ["wiki"]
    assert plan["protected"] == {"before": 1, "after": 1}
    assert all(place.startswith("prod/wiki:") for o in plan["objects"] for place in o["examples"])
    assert plan["objects"]


def test_namespace_without_volumes_is_named(project: Path) -> None:
    _write(project, "daily: 14", "daily: 7")
    done = _stashgen(project, "plan", "--for-namespace", "wikki")
    assert done.returncode == 0
    assert 'note: neither state has a volume in namespace "wikki"\n' in done.stdout


def test_build_that_would_fail_after_all_is_named_with_its_codes(project: Path) -> None:
    _write(project, "bucket: shop", "bucket: store")
    done = _stashgen(project, "plan")
    assert done.returncode == 0, done.stderr
    assert "note: stashgen build fails on the working tree (SG711); " in done.stdout
    assert "New history" in done.stdout


def test_without_a_committed_output_both_sides_are_compiled(project: Path) -> None:
    _git(project, "rm", "-r", "-q", "rendered")
    _commit(project, "Keep the output elsewhere")
    _write(project, "every: 1h", "every: 6h")
    _commit(project, "Back up every six hours")
    done = _stashgen(project, "plan", "HEAD^..HEAD")
    assert "2 CronJob changed" in done.stdout
    assert "added" not in done.stdout


def test_another_cluster_id_is_said_to_be_the_reason(project: Path) -> None:
    _write(project, "id: prd1", "id: prd2")
    done = _stashgen(project, "plan")
    assert "its cluster is no longer in the project" in done.stdout
    assert "because ops/backups/stashgen.yaml:6 id: prd1 (removed)" in done.stdout


def test_fewer_files_are_worse_and_their_line_is_named(project: Path) -> None:
    _write(project, "  sessions:", '  exclude: ["*.db"]\n  sessions:')
    done = _stashgen(project, "plan", "--format", "json")
    (change, *_) = json.loads(done.stdout)["volumes"][0]["changes"]
    assert (change["field"], change["worse"]) == ("exclude of backup", True)
    assert [one["line"] for one in change["causes"]] == [13]
    _write(project, "every: 1h", "every: 1h\n    paths: [conf]")
    done = _stashgen(project, "plan")
    assert "Gets worse" in done.stdout
    assert "paths of backup: . -> conf" in done.stdout


def test_the_time_zone_of_a_cluster_is_named_as_the_reason(project: Path) -> None:
    _write(project, "id: prd1,", "id: prd1, timeZone: Asia/Tokyo,")
    done = _stashgen(project, "plan")
    assert "because ops/backups/stashgen.yaml:6 timeZone: Asia/Tokyo" in done.stdout


def test_a_claim_that_something_still_uses_is_not_gone(project: Path) -> None:
    pages = _FILES["clusters/volumes.yaml"].partition("---")[2]
    job = """---
apiVersion: batch/v1
kind: Job
metadata: {name: pages, namespace: wiki}
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{name: main, image: busybox}]
      volumes: [{name: pages, persistentVolumeClaim: {claimName: pages}}]
"""
    _write(project, pages, job.removeprefix("---"))
    retired = (
        '  retired: [{volume: wiki/pages, cluster: prd1, reason: moved, until: "2099-01-01"}]\n'
    )
    with (project / "stashgen.yaml").open("a", encoding="utf-8") as file:
        file.write(retired)
    done = _stashgen(project, "plan", "--fail-on", "unprotected")
    assert "its claim is no longer in the inventory, though something uses it" in done.stdout
    assert done.returncode == 1


def test_submodules_are_said_not_to_be_compared(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    _git(other, "init", "-q", "-b", "main")
    _commit(other, "Begin")
    allowed = ["-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other)]
    _git(project, *allowed, "clusters/other")
    _commit(project, "Add a submodule")
    done = _stashgen(project, "plan", "HEAD^..HEAD")
    said = "note: HEAD has submodules, whose files are not compared: ops/backups/clusters/other"
    assert said in done.stdout


def test_a_pull_request_may_mend_an_expired_entry_and_another_version(project: Path) -> None:
    path = project / "stashgen.yaml"
    now = path.read_text(encoding="utf-8")
    entry = "{match: {volumes: {names: [pages]}}, reason: gone, owner: a, until: '2020-01-01'}"
    path.write_text(f'{now}  requires: ">=0.0.1,<0.0.2"\n  exclusions: [{entry}]\n', "utf-8")
    _commit(project, "Another version, and an exclusion that has expired")
    path.write_text(now, encoding="utf-8")
    done = _stashgen(project, "plan")
    assert done.returncode == 0, done.stderr
    assert "note: HEAD is compared all the same: this exclusion was until " in done.stdout
    assert "note: HEAD is compared all the same: this is stashgen " in done.stdout
    assert "wiki/pages" in done.stdout
    done = _stashgen(project, "plan", "HEAD^..HEAD")
    assert done.returncode == 1
    assert "error SG305" in done.stderr


def test_a_side_that_does_not_compile_is_named_with_its_findings(project: Path) -> None:
    _write(project, "every: 1h", "every: 5h")
    _commit(project, "Break it")
    done = _stashgen(project, "plan", "HEAD^..HEAD", "--format", "markdown")
    assert done.returncode == 1
    assert done.stdout.startswith("<!-- stashgen plan -->\n")
    assert "- **ops/backups/policies/all.yaml:15:12**: SG403: every: 5h does not" in done.stdout
    first, second, *_ = done.stderr.splitlines()
    assert first == "HEAD does not compile:"
    assert second.startswith("ops/backups/policies/all.yaml:15:12: error SG403:")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere..HEAD"], 'git has no revision "nowhere"; in CI the checkout has to fetch it'),
        (["--fail-on", "doom"], '--fail-on "doom" is not an effect; choose from destroy, replace'),
        (["one", "two"], '"one" is not a folder'),
        (["one", "two", "three"], "a plan compares two states"),
        (["policies", "clusters"], "stashgen.yaml"),
    ],
)
def test_what_cannot_be_compared_is_said(project: Path, arguments: list[str], said: str) -> None:
    done = _stashgen(project, "plan", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_outside_of_a_repository_git_says_so(tmp_path: Path) -> None:
    _write(tmp_path)
    done = _stashgen(tmp_path, "plan", variables={"GIT_CEILING_DIRECTORIES": str(tmp_path.parent)})
    assert done.returncode == 2
    assert "not a git repository" in done.stderr
