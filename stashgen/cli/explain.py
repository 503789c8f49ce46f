"""``stashgen explain``: what a project comes to, in words; writes nothing."""

import sys

from stashgen.cli.arguments import Command
from stashgen.cli.compiling import compile_objects
from stashgen.cli.project_folder import project_folder
from stashgen.cli.report import below, show_findings
from stashgen.diagnostics import ExitCode, UsageError, has_errors, printable
from stashgen.inventory.secret_sources import sources_in_git
from stashgen.report.explain_secrets import explain_secrets
from stashgen.report.secrets import required_secrets


def explain(command: Command) -> int:
    """Print the answer; with errors in the project, these instead.

    Raises:
        UsageError: there is no project, or no standard output to print to.
        ToolError: the system refuses a read.
    """
    if sys.stdout is None:
        raise UsageError("standard output is closed")
    project = project_folder(command.project)
    compiled = compile_objects(project)
    if compiled.objects is None or compiled.source is None or has_errors(compiled.findings):
        show_findings(compiled.findings)
        return ExitCode.FINDINGS
    clusters = compiled.objects.resolved.project.spec.clusters
    sources = sources_in_git(compiled.source)
    secrets = required_secrets(clusters, compiled.objects.manifests, sources)
    for line in explain_secrets(clusters, secrets, lambda at: str(below(project, at))):
        print(printable(line))
    return ExitCode.OK
