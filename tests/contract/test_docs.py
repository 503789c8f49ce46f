"""The documents name what is there."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

from stashgen.api.restore_request import RestoreRequest, RestoreRequestPhase
from stashgen.policy.backup_policy import Acknowledgement

ROOT = Path(__file__).parents[2]
_DOCUMENTS = sorted(
    ["README.md", *(str(path.relative_to(ROOT)) for path in ROOT.glob("docs/**/*.md"))]
)
_PATH = re.compile(
    r"`((?:stashgen|controller|tests|tools|docs|policies|examples)/[A-Za-z0-9_./-]*)`"
)
_TARGET = re.compile(r"`make ([a-z0-9-]+)")
_LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
_ANCHOR = re.compile(r"\]\((?!https?:)([^)#]*)#([^)]+)\)")


@pytest.mark.parametrize("name", _DOCUMENTS)
def test_paths_in_documents_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    missing = [path for path in _PATH.findall(text) if not (ROOT / path).exists()]
    assert not missing


@pytest.mark.parametrize("name", _DOCUMENTS)
def test_links_in_documents_lead_somewhere(name: str) -> None:
    folder = (ROOT / name).parent
    text = (ROOT / name).read_text(encoding="utf-8")
    missing = [link for link in _LINK.findall(text) if not (folder / link).exists()]
    assert not missing


def _anchors(document: Path) -> set[str]:
    """What a heading is called in a link: GitHub's way."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 _-]", "", item.lower()).replace(" ", "-") for item in headings}


@pytest.mark.parametrize("name", _DOCUMENTS)
def test_links_to_headings_lead_somewhere(name: str) -> None:
    document = ROOT / name
    found = _ANCHOR.findall(document.read_text(encoding="utf-8"))
    missing = [
        (path, anchor)
        for path, anchor in found
        if anchor not in _anchors(document.parent / path if path else document)
    ]
    assert not missing


@pytest.mark.parametrize("name", _DOCUMENTS)
def test_make_targets_in_documents_exist(name: str) -> None:
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = _TARGET.findall((ROOT / name).read_text(encoding="utf-8"))
    assert not [target for target in used if target not in targets]


def test_the_examples_of_the_restore_documentation_are_what_they_seem() -> None:
    text = (ROOT / "docs" / "restore.md").read_text(encoding="utf-8")
    request, *policies = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert RestoreRequest.model_validate(yaml.safe_load(request)).spec.reason
    assert len(policies) == 3
    for policy in policies:
        (entry,) = yaml.safe_load(policy)["spec"]["acknowledge"]
        assert Acknowledgement.model_validate(entry).reason
    phases = set(re.findall(r"^\| (\w+) \| `", text, re.MULTILINE))
    assert phases == {phase.value for phase in RestoreRequestPhase}


def _architecture() -> str:
    return (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")


def test_architecture_names_every_room() -> None:
    rooms = [path.parent for path in ROOT.glob("stashgen/*/__init__.py")]
    rooms += [path.parent for path in ROOT.glob("controller/stashgen_controller/*/__init__.py")]
    rooms += [path for path in (*ROOT.glob("tests/*/"), *ROOT.glob("tools/*/")) if _has_code(path)]
    named = _PATH.findall(_architecture())
    assert [str(room.relative_to(ROOT)) for room in rooms if not _is_named(room, named)] == []


def _has_code(folder: Path) -> bool:
    return folder.is_dir() and any(folder.rglob("*.py"))


def _is_named(room: Path, named: list[str]) -> bool:
    return f"{room.relative_to(ROOT)}/" in named


@pytest.mark.parametrize("tree", ["stashgen", "stashgen_controller"])
def test_the_drawn_floors_are_the_import_contracts(tree: str) -> None:
    """A floor of a drawing has its rooms before the first wide gap, top to bottom."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layers,) = [item["layers"] for item in contracts if item.get("containers") == [tree]]
    wanted = [sorted(layer.split(" | ")) for layer in layers if layer != "__main__"]
    drawings = re.findall(r"^```\n(.*?)^```", _architecture(), re.MULTILINE | re.DOTALL)
    drawn = [
        [sorted(re.split(r"\s{3,}", line)[0].split()) for line in drawing.splitlines()]
        for drawing in drawings
    ]
    assert wanted in drawn


def test_help_lists_every_target_that_people_call() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    targets = {target for line in phony for target in line.split()}
    described = set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE))
    assert targets == described
