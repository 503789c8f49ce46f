"""A retired history keeps the source of its Secrets, unless the policies now decide it."""

from pathlib import PurePosixPath

import pytest

from stashgen.model.history import Previous
from stashgen.model.manifest import FileTree
from stashgen.output.histories import histories
from stashgen.output.retired_objects import retired_objects
from stashgen.output.serialize import serialize
from stashgen.render import render
from tests.support.project import POLICY, PROJECT, claim, resolved

_STORE = "store: {kind: ClusterSecretStore, name: vault}"
_FROM_STORE = f"from: ExternalSecret, secretName: NAME, {_STORE}, data: "
_ENCRYPTION = _FROM_STORE.replace("NAME", "restic-key") + "{RESTIC_PASSWORD: {key: restic}}"
_KEYS = "{AWS_ACCESS_KEY_ID: {key: id}, AWS_SECRET_ACCESS_KEY: {key: secret}}"
_FOLDER = PurePosixPath("demo/demo")


def _project(encryption: str, more: str = "") -> str:
    return PROJECT.replace("{secretName: restic-key}", f"{{{encryption}}}") + more


def _storage(name: str, secret: str) -> str:
    return f"""
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {{name: {name}}}
spec:
  backend: {{provider: s3, s3: {{bucket: {name}s, region: eu-1}}}}
  credentials: {{{_FROM_STORE.replace("NAME", secret)}{_KEYS}}}
"""


_RETIRED = (
    '  retired: [{volume: demo/library, cluster: dem1, until: "2030-12-31", reason: moved}]\n'
)
_OLD, _NEW = _storage("local", "old-keys"), _storage("other", "new-keys")
_TO_OTHER = POLICY.replace("storage: local", "storage: other")


def _built(*texts: str, project: str, before: FileTree, inventory: str) -> FileTree:
    previous = [Previous(PurePosixPath("rendered"), before)]
    known = histories(previous).value
    found = resolved(inventory, *texts, project=project, histories=known)
    assert {one.code for one in found.findings} <= {"SG511", "SG518", "SG526"}
    kept = retired_objects(found.value, previous)
    assert kept.findings == ()
    return serialize("test", render(found.value, kept.value))


@pytest.fixture
def before() -> FileTree:
    """One volume; keys and password come from a store."""
    project = _project(_ENCRYPTION)
    files = _built(_OLD, POLICY, project=project, before={}, inventory=claim("library"))
    assert {_FOLDER / "_secret-old-keys.yaml", _FOLDER / "_secret-restic-key.yaml"} <= files.keys()
    return files


def test_the_last_user_of_secrets_keeps_their_sources_as_they_were(before: FileTree) -> None:
    project = _project("secretName: gold-key", _RETIRED)
    files = _built(_NEW, _TO_OTHER, project=project, before=before, inventory=claim("web"))
    for name in ("_secret-old-keys.yaml", "_secret-restic-key.yaml", "_storage-local.yaml"):
        old, new = before[_FOLDER / name].split(b"\n", 2), files[_FOLDER / name].split(b"\n", 2)
        assert old[2] == new[2]
        assert b"; kept; " in new[1]
    again = _built(_NEW, _TO_OTHER, project=project, before=files, inventory=claim("web"))
    assert again == files


def test_a_secret_that_policies_still_use_has_the_source_that_they_say(before: FileTree) -> None:
    project = _project(_ENCRYPTION.replace("key: restic}", "key: moved}"), _RETIRED)
    files = _built(_OLD, POLICY, project=project, before=before, inventory=claim("web"))
    text = files[_FOLDER / "_secret-restic-key.yaml"]
    assert b"key: moved" in text
    assert b"kept" not in text


def test_a_secret_that_somebody_creates_now_gets_no_second_source(before: FileTree) -> None:
    project = _project("secretName: restic-key", _RETIRED)
    files = _built(_OLD, POLICY, project=project, before=before, inventory=claim("web"))
    assert _FOLDER / "_secret-restic-key.yaml" not in files
    assert b"kept" not in files[_FOLDER / "_secret-old-keys.yaml"]


def test_a_source_that_was_lost_before_is_damage(before: FileTree) -> None:
    """The kustomization still lists it: without it, nobody could open what is retired."""
    lost = {path: text for path, text in before.items() if path.name != "_secret-restic-key.yaml"}
    previous = [Previous(PurePosixPath("rendered"), lost)]
    found = resolved(
        claim("web"), _NEW, _TO_OTHER,
        project=_project("secretName: gold-key", _RETIRED), histories=histories(previous).value,
    )  # fmt: skip
    (finding,) = retired_objects(found.value, previous).findings
    assert finding.code == "SG704"
    assert "_secret-restic-key.yaml is missing" in finding.what
