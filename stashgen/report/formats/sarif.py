"""The findings as SARIF 2.1.0 (OASIS), for code scanning."""

import json
from enum import Enum
from pathlib import PurePosixPath
from urllib.parse import quote

from stashgen import HOMEPAGE, __version__
from stashgen.diagnostics import Finding, Position, printable
from stashgen.report.formats.report import Report, explanation

_SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)


def render(report: Report) -> str:
    """One run; its rules are the codes that were found."""
    rules = {str(finding.code): finding.code for finding in report.findings}
    identifiers = sorted(rules)
    run = {
        "tool": {
            "driver": {
                "name": "stashgen",
                "version": __version__,
                "informationUri": HOMEPAGE,
                "rules": [_rule(rules[identifier]) for identifier in identifiers],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [
            _result(finding, fingerprint, identifiers)
            for finding, fingerprint in report.fingerprinted()
        ],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(code: str) -> dict[str, object]:
    """GitHub refuses a rule without these texts; what a code is called says what it is about."""
    name = code.name if isinstance(code, Enum) else str(code)
    text = {"text": name.replace("_", " ").lower()}
    help_text = {"text": f"docs/findings.md explains {code}."}
    return {"id": code, "shortDescription": text, "fullDescription": text, "help": help_text}


def _result(finding: Finding, fingerprint: str, rules: list[str]) -> dict[str, object]:
    location = _location(finding.position)
    if finding.subject:
        location |= {"logicalLocations": [{"fullyQualifiedName": printable(finding.subject)}]}
    result: dict[str, object] = {
        "ruleId": finding.code,
        "ruleIndex": rules.index(finding.code),
        "level": finding.severity.value,
        "message": {"text": explanation(finding)},
        "locations": [location],
        "partialFingerprints": {"stashgen/v1": fingerprint},
    }
    if finding.related:
        result["relatedLocations"] = [_location(position) for position in finding.related]
    return result


def _location(position: Position) -> dict[str, object]:
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(position.path)},
            "region": {"startLine": position.line, "startColumn": position.column},
        }
    }


def _uri(path: PurePosixPath) -> str:
    """A path relative to where the command ran stays relative: it is the repository's."""
    text = quote(str(path), errors="surrogatepass")
    # A colon in the first part would make it a scheme.
    return f"file://{text}" if path.is_absolute() else text.replace(":", "%3A")
