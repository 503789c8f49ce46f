"""``stashgen plan``: what a change means, before it is merged."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import cast

from stashgen.cli.arguments import Command
from stashgen.cli.compiling import Decided, compile_project, decide_project
from stashgen.cli.messages import say, seen_from_here, show_findings
from stashgen.cli.parsers import EFFECTS, PlanFormat
from stashgen.cli.progress import Progress
from stashgen.cli.project_folder import project_folder
from stashgen.cli.revisions import Side, folders, revisions
from stashgen.diagnostics import ExitCode, Finding, Severity, UsageError, printable, quote
from stashgen.load import PROJECT_FILE
from stashgen.model.manifest import FileTree
from stashgen.plan import Plan, State, compare
from stashgen.resolve.history_findings import Code

CHANGED = 4
_MOST_STATES = 2
# What a build refuses about the histories of its output is what the plan is asked about.
_SHOWN_BY_PLAN = frozenset({Code.LOST, Code.REPLACED})
_MODULES = {
    PlanFormat.TEXT: "text",
    PlanFormat.MARKDOWN: "markdown",
    PlanFormat.JSON: "json_plan",
}


def plan(command: Command) -> int:
    """Print the plan; the findings of a side that does not compile instead.

    Raises:
        UsageError: the states are none, an effect is none, or there is no standard output.
        ToolError: git or the system refuses something.
    """
    if sys.stdout is None:
        raise UsageError("standard output is closed")
    unknown = sorted(set(command.fail_on) - {*EFFECTS})
    if unknown:
        raise UsageError(f"--fail-on {quote(unknown[0])}: there are {', '.join(EFFECTS)}")
    with _sides(command) as sides, Progress(sys.stderr) as progress:
        decided: list[Decided | None] = []
        for side in sides:
            progress.stage(f"reading {side.name}")
            decided.append(None if side.folder is None else decide_project(side.folder))
        progress.stage("comparing")
        refused = [_refusal(one) for one in decided]
        before, after = (_state(side, one) for side, one in zip(sides, decided, strict=True))
        notes = tuple(_notes(zip(sides, decided, strict=True)))
        made = (
            None if any(refused) else compare(before, after, notes, frozenset(command.namespaces))
        )
    if made is None:
        for side, findings in zip(sides, refused, strict=True):
            if findings:
                say(f"{printable(side.name)} does not compile:")
                show_findings(seen_from_here(findings, Path(side.prefix)))
        return ExitCode.FINDINGS
    return _show(made, command)


def _sides(command: Command) -> AbstractContextManager[tuple[Side, Side]]:
    states = command.states
    if len(states) > _MOST_STATES:
        raise UsageError("a plan compares two states; see stashgen plan --help")
    if len(states) == _MOST_STATES:
        if command.project is not None:
            raise UsageError("--project cannot be with two folders, which are the projects")
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


def _state(side: Side, decided: Decided | None) -> State:
    if decided is None or decided.decisions is None:
        return State(side.name, side.prefix)
    return State(side.name, side.prefix, decided.decisions, _files(side, decided))


def _files(side: Side, decided: Decided) -> FileTree:
    """The output that is committed; what a build would write where it is edited, or is not."""
    if side.folder is None or (decided.output and not side.is_live):
        return decided.output
    compiled = compile_project(side.folder)
    return compiled.files if compiled.ok else decided.output


def _notes(sides: Iterable[tuple[Side, Decided | None]]) -> Iterator[str]:
    for side, decided in sides:
        if decided is None:
            place = side.prefix / PROJECT_FILE
            yield f"{side.name} has no {place}: nothing is protected there"
            continue
        refused = sorted({one.code for one in decided.findings if one.code in _SHOWN_BY_PLAN})
        if refused:
            yield f"stashgen build refuses {side.name} for now ({', '.join(refused)}): see check"


def _show(made: Plan, command: Command) -> int:
    module = import_module(f"stashgen.plan.formats.{_MODULES[command.plan_format]}")
    text = cast("str", module.render(made))
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    sys.stdout.flush()
    found = sorted(effect.value for effect in made.effects if effect.value in command.fail_on)
    if found:
        say(f"--fail-on: the plan has {', '.join(found)}")
        return ExitCode.FINDINGS
    if command.detailed_exit_code and not made.is_empty:
        return CHANGED
    return ExitCode.OK
