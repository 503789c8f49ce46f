"""The findings as JUnit's XML, as Jenkins, GitLab and others read it."""

from itertools import groupby
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from stashgen.diagnostics import Finding, Severity, printable
from stashgen.report.formats.report import Report, explanation


def render(report: Report) -> str:
    """A suite a file, a case a finding: an error has failed, a warning only has output.

    A report without findings has one case that has not failed: readers take one without any as a
    run that did not happen.
    """
    suites = Element(
        "testsuites", name=f"stashgen {report.verb}", failures=str(report.count(Severity.ERROR))
    )
    for path, found in groupby(report.findings, key=lambda finding: finding.position.path):
        _suite(suites, printable(str(path)), [*found])
    if not report.findings:
        suite = SubElement(
            suites, "testsuite", name="stashgen", tests="1", failures="0", errors="0"
        )
        SubElement(suite, "testcase", name=f"stashgen {report.verb}", classname="stashgen")
    suites.set("tests", str(max(1, len(report.findings))))
    indent(suites)
    return f"<?xml version='1.0' encoding='utf-8'?>\n{tostring(suites, encoding='unicode')}\n"


def _suite(suites: Element, path: str, findings: list[Finding]) -> None:
    failures = sum(finding.severity is Severity.ERROR for finding in findings)
    suite = SubElement(
        suites,
        "testsuite",
        name=path,
        tests=str(len(findings)),
        failures=str(failures),
        errors="0",
    )
    for finding in findings:
        position = finding.position
        name = f"{finding.code} {finding.subject} at {position.line}:{position.column}"
        case = SubElement(suite, "testcase", name=printable(" ".join(name.split())), classname=path)
        text = explanation(finding)
        if finding.severity is Severity.ERROR:
            what = printable(finding.what)
            SubElement(case, "failure", type=finding.code, message=what).text = text
        else:
            SubElement(case, "system-out").text = text
