"""docs/guardrails.md lists every fact with its type, and its project is refused as it says."""

import re
from collections.abc import Mapping
from dataclasses import fields
from datetime import timedelta
from pathlib import Path
from typing import get_args, get_origin

import pytest
from pydantic.alias_generators import to_camel

from stashgen.cli.main import run
from stashgen.model.facts import MESSAGE_FACTS, CopyFacts, VolumeFacts, variable

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "guardrails.md").read_text(encoding="utf-8")
_PLAIN = {str: "string", bool: "bool", int: "int", timedelta: "duration"}
_PROJECT = """
apiVersion: stashgen.dev/v1alpha1
kind: Project
metadata: {name: demo}
spec:
  defaults: {encryption: {secretName: restic-key}, job: {runAs: {user: 1000}, affinity: {}}}
  clusters:
  - {name: prod, id: prd1, labels: {region: us-1}, inventory: [{manifests: [clusters]}]}
"""
_POLICY = """\
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata: {name: daily}
spec:
  select: {}
  sessions:
  - name: backup
    every: 1d
    copies: [{storage: s3-eu, keep: {daily: 14}}]
---
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata: {name: s3-eu}
spec:
  backend: {provider: s3, s3: {bucket: corp, prefix: "{{ cluster.id }}", region: eu-1}}
  credentials: {from: Namespace, secretName: keys}
"""
_CLAIMS = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {env: production}}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: orders, namespace: shop}
spec: {accessModes: [ReadWriteOnce]}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: cache-0, namespace: shop}
spec: {accessModes: [ReadWriteOnce]}
"""


def _type(annotation: object) -> str:
    match get_origin(annotation), get_args(annotation):
        case None, _:
            return next(text for known, text in _PLAIN.items() if annotation is known)
        case origin, (key, value) if origin is Mapping:
            return f"map({_type(key)}, {_type(value)})"
        case _:
            return "list(map(string, dyn))"


def _rows(heading: str) -> dict[str, str]:
    table = PAGE.split(f"| {heading} | type | meaning |\n")[1].split("\n\n")[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (\S.*?) \| \S", table, re.MULTILINE))


def test_page_lists_every_fact_with_its_type() -> None:
    assert _rows("fact") == {variable(one.name): _type(one.type) for one in fields(VolumeFacts)}
    keys = {to_camel(one.name): _type(one.type) for one in fields(CopyFacts)}
    assert _rows("key of a storage") == keys


def test_page_says_which_facts_a_message_may_contain() -> None:
    types = re.search(r"contain the facts of the types ([a-z, ]+) and ([a-z]+),", PAGE)
    assert types is not None
    said = {*types[1].split(", "), types[2]}
    assert {fact for fact, type_ in _rows("fact").items() if type_ in said} == MESSAGE_FACTS


def test_project_of_the_page_is_refused_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    text, said = (
        PAGE.split(f"\n```{first}\n", maxsplit=1)[1].split("```\n", maxsplit=1)[0]
        for first in ("yaml\n# policies/guardrails.yaml", "\n$ stashgen check")
    )
    files = {
        "stashgen.yaml": _PROJECT,
        "policies/daily.yaml": _POLICY,
        # With the first line, which says what the file is called.
        "policies/guardrails.yaml": f"# policies/guardrails.yaml\n{text}",
        "clusters/shop.yaml": _CLAIMS,
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert run(["check"]) == 1
    assert capfd.readouterr().err == (f"{said}1 error in 1 file\n")


def test_page_lists_the_ready_rules() -> None:
    files = {f"policies/guardrails/{one.name}" for one in (ROOT / "policies/guardrails").iterdir()}
    assert set(re.findall(r"^\| `(policies/guardrails/[^`]+)`", PAGE, re.MULTILINE)) == files
