"""``stashgen plan``: what a change means, before it is merged."""

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import cast

from stashgen.cli.commands import PlanCommand, PlanFormat
from stashgen.cli.compiling import Decided, compile_project, decide_project, today
from stashgen.cli.messages import say, seen_from_here, show_findings
from stashgen.cli.parsers import EFFECTS
from stashgen.cli.progress import Progress
from stashgen.cli.project_folder import project_folder
from stashgen.cli.revisions import Side, folders, revisions
from stashgen.diagnostics import ExitCode, Finding, Severity, UsageError, printable, quote
from stashgen.guardrails.findings import Code as RuleCode
from stashgen.load import PROJECT_FILE
from stashgen.model.manifest import FileTree
from stashgen.plan import Plan, State, compare
from stashgen.resolve.findings import Code as FindingCode
from stashgen.resolve.history_findings import Code
from stashgen.validate.walk import Code as WalkCode

_MOST_STATES = 2
_SEE_CHECK = "its objects are those of the committed output (stashgen check says more)"
# What a build refuses about the histories of its output is what the plan is asked about.
_SHOWN_BY_PLAN = frozenset({Code.LOST, Code.REPLACED})
# What was right when the state before was merged: another version of stashgen, a day not yet past.
# A rule that is broken is shown where it is new.
_TOLERATED_BEFORE = frozenset(
    {WalkCode.TOOL_VERSION, FindingCode.EXPIRED, RuleCode.BROKEN, RuleCode.NOT_EVALUATED}
)
_MODULES = {
    PlanFormat.TEXT: "text",
    PlanFormat.MARKDOWN: "markdown",
    PlanFormat.JSON: "json_plan",
}


def plan(command: PlanCommand) -> int:
    """Print the plan; the findings of a side that does not compile instead.

    Raises:
        UsageError: a state or an effect does not exist, or there is no standard output.
        ToolError: git or the system refuses something.
    """
    if sys.stdout is None:
        raise UsageError("standard output is closed")
    unknown = sorted(set(command.fail_on) - {*EFFECTS})
    if unknown:
        raise UsageError(
            f"--fail-on {quote(unknown[0])} is not an effect; choose from {', '.join(EFFECTS)}"
        )
    with _sides(command) as sides, Progress(sys.stderr) as progress:
        decided: list[Decided | None] = []
        for side, tolerated in zip(sides, (_TOLERATED_BEFORE, frozenset[str]()), strict=True):
            progress.stage(f"reading {side.name}")
            decided.append(None if side.folder is None else decide_project(side.folder, tolerated))
        progress.stage("comparing")
        refused = [_refusal(one) for one in decided]
        made = None
        if not any(refused):
            read = [_read(side, one) for side, one in zip(sides, decided, strict=True)]
            notes = tuple(note for _, found in read for note in found)
            states = read[0][0], read[1][0]
            made = compare(*states, today(), notes, frozenset(command.namespaces))
    if made is None:
        return _refuse(sides, refused, command.format_)
    return _show(made, command)


def _refuse(
    sides: tuple[Side, Side], refused: Sequence[Sequence[Finding]], format_: PlanFormat
) -> ExitCode:
    """Show the findings to people, and in the place of the plan to whoever reads that."""
    # With it comes the library of templates.
    from stashgen.plan.formats.refused import RefusedState, render_json, render_markdown

    before, after = (
        RefusedState(side.name, seen_from_here(findings, Path(side.prefix)))
        for side, findings in zip(sides, refused, strict=True)
    )
    for state in (before, after):
        if state.findings:
            say(f"{printable(state.name)} does not compile:")
            show_findings(state.findings)
    if format_ is PlanFormat.MARKDOWN:
        _write(render_markdown(before, after))
    elif format_ is PlanFormat.JSON:
        _write(render_json(before, after))
    return ExitCode.FINDINGS


def _sides(command: PlanCommand) -> AbstractContextManager[tuple[Side, Side]]:
    states = command.states
    if len(states) > _MOST_STATES:
        raise UsageError("a plan compares two states; see stashgen plan --help")
    if len(states) == _MOST_STATES:
        if command.project is not None:
            raise UsageError("--project cannot be combined with two folders: each is a project")
        return folders(*states)
    return revisions(project_folder(command.project), states[0] if states else "HEAD")


def _refusal(decided: Decided | None) -> tuple[Finding, ...]:
    """The findings for which a side has no meaning; empty if it has one."""
    if decided is None:
        return ()
    errors = [one for one in decided.findings if one.severity is Severity.ERROR]
    if decided.decisions is not None and all(one.code in _SHOWN_BY_PLAN for one in errors):
        return ()
    return tuple(errors)


def _read(side: Side, decided: Decided | None) -> tuple[State, tuple[str, ...]]:
    """A side as it is compared, and what the reader has to know about it."""
    if side.folder is None or decided is None:
        note = f"{side.name} has no {side.prefix / PROJECT_FILE}: nothing is protected there"
        return State(side.name, side.prefix), (note,)
    files, findings = _files(side, side.folder, decided)
    notes: tuple[str, ...] = ()
    if side.submodules:
        names = ", ".join(side.submodules)
        notes = (f"{side.name} has submodules, whose files are not compared: {names}",)
    tolerated = {one.what for one in decided.findings if one.code in _TOLERATED_BEFORE}
    notes += tuple(f"{side.name} is compared all the same: {what}" for what in sorted(tolerated))
    codes = sorted({one.code for one in findings if one.severity is Severity.ERROR})
    if codes:
        notes += (f"stashgen build fails on {side.name} ({', '.join(codes)}); {_SEE_CHECK}",)
    return State(side.name, side.prefix, decided.decisions, files), notes


def _files(side: Side, folder: Path, decided: Decided) -> tuple[FileTree, Sequence[Finding]]:
    """The committed output; what a build would write where it is edited, or there is none."""
    if decided.output and not side.is_live:
        return decided.output, decided.findings
    compiled = compile_project(folder)
    return (compiled.files if compiled.ok else decided.output), compiled.findings


def _show(made: Plan, command: PlanCommand) -> int:
    module = import_module(f"stashgen.plan.formats.{_MODULES[command.format_]}")
    _write(cast("str", module.render(made)))
    found = sorted(effect.value for effect in made.effects if effect.value in command.fail_on)
    if found:
        say(f"--fail-on: the plan has {', '.join(found)}")
        return ExitCode.FINDINGS
    if command.detailed_exit_code and not made.is_empty:
        return ExitCode.CHANGED
    return ExitCode.OK


def _write(text: str) -> None:
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.flush()
