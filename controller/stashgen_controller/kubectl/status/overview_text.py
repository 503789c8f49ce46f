"""``kubectl stashgen status``: the overview as one screen or as JSON."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from stashgen.api.base import JsonObject, format_time
from stashgen.api.labels import OPT_OUT_ANNOTATION
from stashgen_controller.kubectl.console import Console
from stashgen_controller.kubectl.status.advice import cause_of
from stashgen_controller.kubectl.status.entry import FINDINGS, Entry, Section
from stashgen_controller.kubectl.status.overview import Overview
from stashgen_controller.kubectl.text import age, count, moment, table

# A section with more lines is summarised by cause, so that everything fits on one screen.
_MOST_LINES = 10
_MOST_COMMANDS = 4
_INDENT = "  "
_COLOURS = {
    Section.LATE: "red",
    Section.OBJECTIVE: "red",
    Section.FAILED: "red",
    Section.WITHOUT_BACKUP: "red",
    Section.NOT_READY: "red",
    Section.UNPROTECTED: "yellow",
    Section.INCOMPLETE: "yellow",
    Section.PAUSED: "yellow",
    Section.RUNNING: "bold",
}
_MEANING = {
    Section.LATE: "the newest good backup is older than promised",
    Section.OBJECTIVE: "the backups are not what the policy demands",
    Section.FAILED: "the last run failed",
    Section.WITHOUT_BACKUP: "there is no good backup yet",
    Section.NOT_READY: "backups that use them do not run",
    Section.UNPROTECTED: f"no BackupConfiguration and no {OPT_OUT_ANNOTATION} annotation",
    Section.INCOMPLETE: "good, but not all of it",
    Section.PAUSED: "no session starts (spec.paused)",
    Section.RUNNING: "in progress",
}
_Cell = Callable[[Entry, datetime], str]
_WHY: tuple[str, _Cell] = ("WHY", lambda entry, _: entry.why)
_AGE: tuple[str, _Cell] = ("AGE", lambda entry, now: age(entry.since, now))
_COLUMNS: Mapping[Section, Sequence[tuple[str, _Cell]]] = {
    Section.LATE: (
        ("COPY", lambda entry, _: entry.what),
        ("LAST GOOD", lambda entry, now: age(entry.since, now) if entry.since else "never"),
        ("ALLOWED", lambda entry, _: entry.detail),
        _WHY,
    ),
    Section.WITHOUT_BACKUP: (
        ("COPY", lambda entry, _: entry.what),
        ("ALLOWED", lambda entry, _: entry.detail),
        _WHY,
    ),
    Section.OBJECTIVE: (("OBJECTIVE", lambda entry, _: entry.what), _WHY),
    Section.FAILED: (("WHAT", lambda entry, _: entry.what), _AGE, _WHY),
    Section.NOT_READY: (("OBJECT", lambda entry, _: entry.what), _AGE, _WHY),
    Section.UNPROTECTED: (
        ("VOLUME", lambda entry, _: entry.what),
        _AGE,
        ("SIZE", lambda entry, _: entry.detail),
    ),
    Section.INCOMPLETE: (("WHAT", lambda entry, _: entry.what), _AGE, _WHY),
    Section.PAUSED: (("CONFIGURATION", lambda entry, _: entry.what),),
    Section.RUNNING: (("WHAT", lambda entry, _: entry.what), _AGE, _WHY),
}


def overview_text(
    found: Overview,
    namespace: str | None,
    now: datetime,
    console: Console,
    *,
    is_full: bool = False,
) -> str:
    """The overview as text.

    Args:
        found: What to show.
        namespace: None for all namespaces; each line then names its own.
        now: The reference time of all ages.
        console: For its width and colours.
        is_full: List every entry, however many there are.
    """
    where = f"namespace {namespace}" if namespace is not None else "all namespaces"
    blocks = [f"{where}, {moment(now)}: {_verdict(found, console)}"]
    for section in Section:
        entries = found.of(section)
        if entries:
            title = console.painted(_COLOURS[section], f"{section.upper()} ({len(entries)})")
            is_long = len(entries) > _MOST_LINES and not is_full
            if is_long and section is not Section.UNPROTECTED:
                body = _causes(entries, namespace, console.width)
            else:
                limit = len(entries) if is_full else _MOST_LINES
                body = _lines(entries, namespace, now, console.width, limit)
            blocks.append(f"{title}  {_MEANING[section]}\n{body}")
    blocks += [text for text in (_next(found), _healthy(found, namespace)) if text]
    return "\n\n".join(blocks)


def _verdict(found: Overview, console: Console) -> str:
    parts = [
        f"{len(found.of(section))} {section.value}"
        for section in Section
        if section in FINDINGS and found.of(section)
    ]
    if found.is_empty:
        return console.painted("red", "nothing is backed up")
    incomplete = len(found.of(Section.INCOMPLETE))
    if not parts and incomplete:
        return console.painted("yellow", f"nothing needs attention, {incomplete} incomplete")
    if not parts:
        return console.painted("green", "nothing needs attention")
    return console.painted("red", ", ".join(parts))


def _lines(
    entries: Sequence[Entry], namespace: str | None, now: datetime, width: int | None, limit: int
) -> str:
    columns = _COLUMNS[entries[0].section]
    headings = [heading for heading, _ in columns]
    shown = entries[:limit]
    rows = [[cell(entry, now) for _, cell in columns] for entry in shown]
    if namespace is None:
        headings = ["NAMESPACE", *headings]
        rows = [[entry.namespace, *row] for entry, row in zip(shown, rows, strict=True)]
    text = table(headings, rows, width, _INDENT)
    if len(shown) < len(entries):
        text += f"\n{_INDENT}... and {len(entries) - len(shown)} more; --full lists them"
    return text


def _causes(entries: Sequence[Entry], namespace: str | None, width: int | None) -> str:
    """Each reason once, with the number of entries and the first of them."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(_cause(entry), []).append(entry)
    rows = []
    for group in sorted(groups.values(), key=len, reverse=True)[:_MOST_LINES]:
        first = group[0]
        name = first.what if namespace is not None else f"{first.namespace}: {first.what}"
        rows.append([str(len(group)), name, first.why])
    text = table(["COUNT", "EXAMPLE", "WHY"], rows, width, _INDENT)
    return f"{text}\n{_INDENT}--full lists all of them"


def _next(found: Overview) -> str:
    """One command per cause, the most urgent first."""
    commands: dict[str, str] = {}
    for entry in found.entries:
        if entry.section in FINDINGS and entry.section is not Section.UNPROTECTED:
            commands.setdefault(_cause(entry), entry.next)
    if not commands:
        return ""
    shown = list(dict.fromkeys(commands.values()))[:_MOST_COMMANDS]
    return "next:\n" + "\n".join(f"{_INDENT}{command}" for command in shown)


def _cause(entry: Entry) -> str:
    """The key by which entries are grouped."""
    cause = cause_of(entry.why)
    return cause.value if cause is not None else entry.why


def _healthy(found: Overview, namespace: str | None) -> str:
    if not found.volumes and not found.copies:
        elsewhere = "" if namespace is None else "; use -A for all namespaces"
        return f"There are no volumes here, and nothing is backed up{elsewhere}."
    excused = f", {found.excused} opted out" if found.excused else ""
    return (
        f"{found.copies_met} of {count(found.copies, 'copy', 'copies')} recent enough, "
        f"{found.protected} of {count(found.volumes, 'volume')} backed up{excused}, "
        f"{count(found.restore_points, 'restore point')}."
    )


def as_json(
    found: Overview, namespace: str | None, now: datetime, notes: Sequence[str]
) -> JsonObject:
    """The overview as JSON; ``notes`` name what could not be read."""
    return {
        "time": format_time(now),
        "namespace": namespace,
        "isWell": found.is_well,
        "entries": [
            {
                "section": entry.section.value,
                "namespace": entry.namespace,
                "kind": entry.kind,
                "name": entry.name,
                "what": entry.what,
                "since": format_time(entry.since) if entry.since is not None else None,
                "detail": entry.detail,
                "why": entry.why,
                "next": entry.next,
            }
            for entry in found.entries
        ],
        "counts": {
            "copies": found.copies,
            "copiesMet": found.copies_met,
            "volumes": found.volumes,
            "protected": found.protected,
            "optedOut": found.excused,
            "restorePoints": found.restore_points,
        },
        "notLookedAt": list(notes),
    }
