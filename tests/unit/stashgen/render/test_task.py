"""What of a volume a session backs up, from the policy to the backup's arguments."""

from typing import Any

import pytest

from stashgen.kubestash.unreadable import OnUnreadable
from stashgen.render import render
from stashgen.render.task import backup_params
from tests.support.project import POLICY, STORAGE, claim, codes, resolved

Json = Any
_NAME = "{name: backup, "


def _rendered(session: str, policy: str = POLICY) -> list[Json]:
    text = policy.replace(_NAME, f"{_NAME}{session}, ")
    outcome = resolved(claim("library") + claim("backup-store"), STORAGE, text)
    assert codes(outcome.findings) == []
    return [manifest.data for manifest in render(outcome.value)]


def _args(objects: list[Json]) -> list[str]:
    (pod,) = (
        item["template"]["spec"]
        for item in objects
        if item["kind"] == "PodTemplate" and item["metadata"]["name"].startswith("backup-")
    )
    found: list[str] = pod["containers"][0]["args"]
    return found


@pytest.mark.parametrize(
    ("written", "paths"),
    [
        ('["."]', "/kubestash-data"),
        ('["/"]', "/kubestash-data"),
        ("[data/, /conf/my app]", "/kubestash-data/data,/kubestash-data/conf/my app"),
        ("[données]", "/kubestash-data/données"),
    ],
)
def test_paths_of_a_session_are_below_the_mount(written: str, paths: str) -> None:
    objects = _rendered(f"paths: {written}")
    (configuration,) = (item for item in objects if item["kind"] == "BackupConfiguration")
    (task,) = configuration["spec"]["sessions"][0]["addon"]["tasks"]
    assert task["params"]["paths"] == paths
    assert f"--paths={paths}" in _args(objects)


def test_session_leaves_out_what_the_policy_does_and_what_it_says_itself() -> None:
    policy = POLICY.replace("spec:\n", "spec:\n  exclude: ['*.tmp', /cache]\n")
    args = _args(_rendered("exclude: [/logs/**, '*.tmp']", policy))
    assert "--exclude=*.tmp,/kubestash-data/cache,/kubestash-data/logs/**" in args


def test_two_sessions_of_one_repository_back_up_the_same_files() -> None:
    copies = "copies: [{storage: local, keep: {last: 2}}]}\n"
    policy = POLICY.replace(copies, f"{copies}  - {{name: nightly, every: 1d, paths: [a], {copies}")
    outcome = resolved(claim("library") + claim("backup-store"), STORAGE, policy)
    (found,) = outcome.findings
    assert found.code == "SG517"
    assert found.what.startswith('two sessions write different files to storage "local"')
    places = [str(place) for place in found.related]
    assert places == ["policies/1.yaml:8:5", "policies/1.yaml:9:39"]


def test_defaults_of_the_worker_are_left_to_it() -> None:
    objects = resolved(claim("library") + claim("backup-store")).value
    (session,) = objects.protections[0].sessions
    params = backup_params(session, OnUnreadable.FAIL)
    assert params.keys() == {"paths", "enableCache", "scratchDir"}
