"""The example of docs/inventory.md is one that stashgen takes."""

import re
from pathlib import Path, PurePosixPath

import yaml

from stashgen.validate import validate_project
from stashgen.yaml.documents import read_documents

TEXT = (Path(__file__).parents[2] / "docs" / "inventory.md").read_text(encoding="utf-8")


def test_the_example_has_no_findings() -> None:
    (example,) = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    head = "apiVersion: stashgen.dev/v1alpha1\nkind: Project\nmetadata: {name: shop}\n"
    (document,) = read_documents((head + example).encode(), PurePosixPath("stashgen.yaml")).value
    outcome = validate_project(document)
    assert outcome.findings == ()
    assert outcome.value is not None
    (source,) = outcome.value.value.spec.clusters[0].inventory
    assert len(source.from_) == len(
        yaml.safe_load(example)["spec"]["clusters"][0]["inventory"][0]["from"]
    )


def test_every_source_is_described() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", TEXT, re.MULTILINE))
    assert named == {"kustomize", "flux", "helm", "command"}
