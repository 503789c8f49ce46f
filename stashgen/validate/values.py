"""Rules for single values: names, durations, schedules, paths, numbers.

Each rule takes a value and returns what is wrong with it, or None; values of another type are left
to the shape check.
"""

import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.cron import CronError, every_to_cron, parse_window, spread
from stashgen.cron.window import parse_days
from stashgen.diagnostics import quote
from stashgen.kubestash.retention import retention_period
from stashgen.kubestash.upkeep import LONGEST, SHORTEST, percent
from stashgen.policy.duration import parse_duration
from stashgen.policy.template import CLUSTER_NAMES, VOLUME_NAMES, check_template
from stashgen.validate.walk import Code
from stashgen.yaml.nodes import Json

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*", re.ASCII)
_CLUSTER_ID = re.compile(r"[a-z][a-z0-9]{1,11}", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]", re.ASCII)
_REGION = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]{0,62}", re.ASCII)
_ENDPOINT = re.compile(r"https?://([-.A-Za-z0-9]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
_UID = re.compile(r"[0-9A-Za-z-]{1,64}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_LONGEST_LABEL, _LONGEST_SUBDOMAIN = 63, 253
# "init-storage-<name>" is a label's value, which has at most 63 characters.
_LONGEST_STORAGE = 50
_LARGEST_ID = 2**31 - 1
_LONGEST_OBJECTIVE = 50 * 366 * 86_400


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a value."""

    code: StrEnum
    what: str
    why: str
    fix: str


Rule = Callable[[Json], Problem | None]


def _label(longest: int = _LONGEST_LABEL) -> Rule:
    def rule(value: Json) -> Problem | None:
        if not isinstance(value, str) or (_LABEL.fullmatch(value) and len(value) <= longest):
            return None
        return Problem(
            Code.NAME,
            f"{quote(value)} is not a name",
            f"it becomes part of object names: a DNS label of at most {longest} characters",
            "use lower-case letters, digits and dashes, with a letter or digit at both ends",
        )

    return rule


label = _label()
storage_name = _label(_LONGEST_STORAGE)


def subdomain(value: Json) -> Problem | None:
    """The name of a Kubernetes object, such as a Secret."""
    if not isinstance(value, str) or _is_subdomain(value):
        return None
    return Problem(
        Code.NAME,
        f"{quote(value)} is not a valid object name",
        "Kubernetes requires a DNS subdomain of at most 253 characters",
        "use lower-case letters, digits, dashes and dots, with a letter or digit at both ends",
    )


def cluster_id(value: Json) -> Problem | None:
    """A cluster's id: it is in every path of the storage and never changes."""
    if not isinstance(value, str) or _CLUSTER_ID.fullmatch(value):
        return None
    return Problem(
        Code.NAME,
        f"{quote(value)} is not a cluster id",
        "it becomes part of the paths in every storage and never changes",
        "use 2 to 12 lower-case letters and digits, starting with a letter",
    )


def volume(value: Json) -> Problem | None:
    """A volume as people name it; no patterns, which could mean the wrong volumes."""
    if not isinstance(value, str):
        return None
    namespace, _, claim = value.partition("/")
    if _is_label(namespace) and _is_subdomain(claim):
        return None
    return Problem(
        Code.NAME,
        f"{quote(value)} is not the name of a volume",
        "an entry names exactly one volume, so that no other is meant by accident",
        "write <namespace>/<claim>, without patterns",
    )


def uid(value: Json) -> Problem | None:
    """The UID of an object (Kubernetes API reference, ObjectMeta)."""
    if not isinstance(value, str) or _UID.fullmatch(value):
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not the UID of a claim",
        "it is compared with the writer that the storage records",
        "copy it from the condition RestoreExpected of the Repository",
    )


def day(value: Json) -> Problem | None:
    """A day of the calendar (RFC 3339, full-date)."""
    if not isinstance(value, str):
        return None
    try:
        date.fromisoformat(value)
    except ValueError:
        pass
    else:
        if _DAY.fullmatch(value):
            return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not a date",
        "it is compared with today's date in UTC",
        'write a date such as "2030-12-31"',
    )


def not_blank(value: Json) -> Problem | None:
    """A text for people."""
    if not isinstance(value, str) or value.strip():
        return None
    return Problem(
        Code.NOT_ALLOWED,
        "the text is empty",
        "it is the only explanation for later readers",
        "give a short reason",
    )


def _is_label(text: str) -> bool:
    return _LABEL.fullmatch(text) is not None and len(text) <= _LONGEST_LABEL


def _is_subdomain(text: str) -> bool:
    return _SUBDOMAIN.fullmatch(text) is not None and len(text) <= _LONGEST_SUBDOMAIN


def duration(value: Json) -> Problem | None:
    """How long: ``1h30m``."""
    try:
        if isinstance(value, str):
            parse_duration(value)
    except ValueError as error:
        return Problem(
            Code.DURATION,
            f"{quote(value)} is not a duration",
            str(error),
            'use whole numbers with d, h, m and s, for example "1h30m"',
        )
    return None


def objective(value: Json) -> Problem | None:
    """A time that an objective names."""
    problem = duration(value)
    if problem is None and isinstance(value, str) and parse_duration(value) > _LONGEST_OBJECTIVE:
        return Problem(
            Code.DURATION,
            f"{quote(value)} is longer than 50 years",
            "it could not be proved in a reasonable time",
            'use a shorter time, for example "90d"',
        )
    return problem


def upkeep_interval(value: Json) -> Problem | None:
    """How often a whole repository is worked on."""
    problem = duration(value)
    if problem is not None or not isinstance(value, str):
        return problem
    if SHORTEST.total_seconds() <= parse_duration(value) <= LONGEST.total_seconds():
        return None
    return Problem(
        Code.DURATION,
        f"{quote(value)} is not between 1h and 366d",
        "no backup can start while a whole repository is worked on, and what is checked less than "
        "once a year is not checked in time",
        'use an interval such as "7d" for checks or "1d" for prunes',
    )


def share(value: Json) -> Problem | None:
    """How much of the stored data a check reads."""
    try:
        if isinstance(value, str):
            percent(value)
    except ValueError:
        return Problem(
            Code.NOT_ALLOWED,
            f"{quote(value)} is not a share from 1% to 100%",
            "each check reads this share of the data, another one each time",
            'use a whole percentage such as "5%", or remove readData to read no data',
        )
    return None


def every(value: Json) -> Problem | None:
    """An interval that cron can repeat."""
    problem = duration(value)
    if problem is not None or not isinstance(value, str):
        return problem
    try:
        every_to_cron(parse_duration(value), "")
    except CronError as error:
        return _of_cron(error)
    return None


def schedule(value: Json) -> Problem | None:
    """A schedule, with ``H`` where it is spread."""
    try:
        if isinstance(value, str):
            spread(value, "")
    except CronError as error:
        return _of_cron(error)
    return None


def between(value: Json) -> Problem | None:
    """A part of the day, in which a session runs."""
    try:
        if isinstance(value, str):
            parse_window(value)
    except ValueError as error:
        return Problem(
            Code.NOT_ALLOWED,
            f"{quote(value)} is not a window",
            str(error),
            'write two times of day, such as "22:00-05:00", which passes midnight',
        )
    return None


def weekday(value: Json) -> Problem | None:
    """A day of the week, or a range of them."""
    try:
        if isinstance(value, str):
            parse_days([value])
    except ValueError as error:
        return Problem(
            Code.NOT_ALLOWED,
            f"{quote(value)} is not a day of the week",
            str(error),
            "write days such as mon, or mon-fri",
        )
    return None


def _of_cron(error: CronError) -> Problem:
    fix = error.fix or 'write five fields, for example "0 2 * * *"'
    return Problem(error.code, error.message, error.why, fix)


def period(value: Json) -> Problem | None:
    """How old a snapshot may get: KubeStash's ``maxRetentionPeriod``."""
    try:
        if isinstance(value, str):
            retention_period(RetentionPolicySpec(max_retention_period=value))
    except ValueError as error:
        return Problem(
            Code.DURATION,
            f"{quote(value)} is not a period",
            str(error),
            'use whole numbers with y, mo, w, d, h and m, for example "2mo"',
        )
    return None


def time_zone(value: Json) -> Problem | None:
    """A zone of the IANA database; a CronJob takes no other."""
    try:
        if isinstance(value, str):
            zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return Problem(
            Code.NOT_ALLOWED,
            f"{quote(value)} is not a time zone",
            "schedules need a zone of the IANA database (Kubernetes, CronJob timeZone)",
            'use a name such as "Europe/Berlin" or "Etc/UTC"',
        )
    return None


def inside(value: Json) -> Problem | None:
    """The output folder, inside the project."""
    if not isinstance(value, str):
        return None
    parts = [part for part in value.split("/") if part not in {"", "."}]
    if parts and not value.startswith("/") and not {"..", ".git"} & {*parts} and "\\" not in value:
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not a folder inside the project",
        "a build owns everything in the output folder",
        'use a relative path such as "rendered"',
    )


def folder_in_git(value: Json) -> Problem | None:
    """The project's folder, relative to the root of its Git repository."""
    if not isinstance(value, str):
        return None
    parts = value.split("/")
    if value and not value.startswith("/") and not {"..", ""} & {*parts} and value.isprintable():
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not a folder in the Git repository",
        "Flux looks for the output below it",
        'use a path relative to the root, such as "platform/backups", or leave it out for the root',
    )


def absolute(value: Json) -> Problem | None:
    """Where a volume is mounted in a container."""
    if not isinstance(value, str) or (
        value.startswith("/") and value.strip("/") and ".." not in value and ":" not in value
    ):
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not a valid path in a container",
        'Kubernetes requires an absolute path without ":", and ".." would leave the mounted volume',
        'use a path such as "/kubestash-backend"',
    )


def sub_path(value: Json) -> Problem | None:
    """A storage's sub-path or prefix, a template."""
    return _path_template(value, CLUSTER_NAMES)


def directory(value: Json) -> Problem | None:
    """A copy's directory below the storage's prefix, a template."""
    return _path_template(value, VOLUME_NAMES)


def bucket(value: Json) -> Problem | None:
    """A bucket's name (Amazon S3, "General purpose bucket naming rules")."""
    if not isinstance(value, str) or (_BUCKET.fullmatch(value) and ".." not in value):
        return None
    return Problem(
        Code.NAME,
        f"{quote(value)} is not a bucket name",
        "a bucket name has 3 to 63 lower-case letters, digits, dots and dashes",
        "use only the name: a path inside the bucket belongs in prefix, the server in endpoint",
    )


def region(value: Json) -> Problem | None:
    """A region's name; stores other than Amazon's have their own."""
    if not isinstance(value, str) or _REGION.fullmatch(value):
        return None
    return Problem(
        Code.NAME,
        f"{quote(value)} is not a region",
        "it is a single word, which the store compares with its own region",
        'use a name such as "eu-central-1"',
    )


def endpoint(value: Json) -> Problem | None:
    """The address of a server, without a path, which restic would take for the bucket."""
    if not isinstance(value, str) or _ENDPOINT.fullmatch(value):
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not an endpoint",
        "restic and KubeStash accept only a scheme, a host and a port, without a trailing slash",
        'use an address such as "https://s3.example.org:9000"',
    )


def _path_template(value: Json, names: frozenset[str]) -> Problem | None:
    if not isinstance(value, str):
        return None
    why = ""
    try:
        check_template(value, names)
    except ValueError as error:
        why = str(error)
    if not value.strip("/") or value.startswith("/"):
        why = why or "it must be a relative path inside the storage"
    if any(part in {".", ".."} for part in value.split("/")):
        why = why or '"." and ".." are not allowed'
    # restic reads a bucket's address as a URL.
    if not value.isprintable() or any(character in value for character in "\\%?#"):
        why = why or "it contains a character that is not allowed in a path"
    if not why:
        return None
    example = " or ".join(f"{{{{ {name} }}}}" for name in sorted(names)[-2:])
    return Problem(
        Code.TEMPLATE,
        f"{quote(value)} is not a valid path",
        why,
        f"use a relative path, in which {example} is replaced",
    )


def whole(low: int, high: int = _LARGEST_ID) -> Rule:
    """A whole number within bounds."""

    def rule(value: Json) -> Problem | None:
        if not isinstance(value, int) or isinstance(value, bool) or low <= value <= high:
            return None
        return Problem(
            Code.NOT_ALLOWED,
            f"{quote(value)[1:-1]} is not between {low} and {high}",
            "values outside this range have no meaning",
            f"use a number from {low} to {high}",
        )

    return rule


def not_empty(value: Json) -> Problem | None:
    """A list that needs an item, or a map that needs a field."""
    if not isinstance(value, list | dict) or value:
        return None
    what, part = ("list", "item") if isinstance(value, list) else ("map", "field")
    return Problem(
        Code.NOT_ALLOWED,
        f"the {what} is empty",
        f"an empty {what} would silently do nothing",
        f"add at least one {part}",
    )


def left_out(value: Json) -> Problem | None:
    """A pattern of files that are not backed up (restic manual, "Excluding Files")."""
    if not isinstance(value, str):
        return None
    is_one = value == value.strip() and not {",", "\n", "\0"} & {*value} and "$(" not in value
    if is_one and value.strip("/*") and not value.startswith("!"):
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not a pattern of files to leave out",
        "it must leave something, and contain no comma, no line break and no $( of a variable; "
        'what "!" would bring back is not left out in the first place',
        'use a pattern such as "*.tmp", or "/cache" for a folder at the top of the volume',
    )


def path(value: Json) -> Problem | None:
    """A file or folder of a volume; a slash at its beginning is the top of the volume."""
    if not isinstance(value, str):
        return None
    inner = value.strip("/")
    is_plain = value == value.strip() and value.isprintable() and not {*"*?[,\\"} & {*value}
    is_below = inner == "." or not {"", ".", ".."} & {*inner.split("/")}
    if value and is_plain and "$(" not in value and (is_below or value == "/"):
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not a path in a volume",
        "it names one file or folder below the top of the volume: no pattern, no comma, no .. and "
        "no $( of a variable",
        'use a path such as "data/uploads"; patterns belong in exclude',
    )


def apart(value: Json) -> Problem | None:
    """Paths of which none is in another: its files would be backed up twice."""
    if not isinstance(value, list):
        return None
    paths = [
        tuple(part for part in item.split("/") if part not in {"", "."})
        for item in value
        if isinstance(item, str) and path(item) is None
    ]
    for index, one in enumerate(paths):
        for other in paths[index + 1 :]:
            inner, outer = (one, other) if len(one) > len(other) else (other, one)
            if inner[: len(outer)] == outer:
                return Problem(
                    Code.NOT_ALLOWED,
                    f"{quote('/'.join(inner) or '.')} is in another path of the list",
                    "its files would be in each backup twice",
                    "remove one of the two",
                )
    return None


def pattern(value: Json) -> Problem | None:
    """A shell pattern of names: without slashes, for names have none."""
    if not isinstance(value, str) or (value and "/" not in value):
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} cannot match any name",
        "it is matched against the name alone, which is not empty and has no slash",
        'use a shell pattern such as "data-*"',
    )
