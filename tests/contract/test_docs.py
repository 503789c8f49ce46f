"""The documents name what is there."""

import re
from pathlib import Path

import pytest
import yaml

from stashgen.api.restore_request import RestoreRequest, RestoreRequestPhase

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


def test_the_restore_request_of_the_documentation_is_one() -> None:
    text = (ROOT / "docs" / "restore.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert RestoreRequest.model_validate(yaml.safe_load(example)).spec.reason
    phases = set(re.findall(r"^\| (\w+) \| `", text, re.MULTILINE))
    assert phases == {phase.value for phase in RestoreRequestPhase}


def test_architecture_names_every_package() -> None:
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    packages = [path.parent for path in ROOT.glob("stashgen/*/__init__.py")]
    packages += [path.parent for path in ROOT.glob("controller/stashgen_controller/*/__init__.py")]
    missing = [path.name for path in packages if f"`{path.relative_to(ROOT)}/`" not in text]
    assert not missing


def test_architecture_names_every_module_of_the_controller() -> None:
    text = (ROOT / "docs" / "ARCHITECTURE.md").read_text(encoding="utf-8")
    table = text.partition("## The controller")[2].partition("\n## ")[0]
    modules = {path.name for path in ROOT.glob("controller/stashgen_controller/*.py")}
    named = set(re.findall(r"[`/]([a-z0-9_]+\.py)`", table))
    assert modules - {"__init__.py"} - named == set()


def test_help_lists_every_target_that_people_call() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    targets = {target for line in phony for target in line.split()}
    described = set(re.findall(r"^([a-z0-9-]+):.*## ", makefile, re.MULTILINE))
    assert targets == described
