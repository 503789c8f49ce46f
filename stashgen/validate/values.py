"""Rules for single values: names, numbers, lists; ``times.py`` and ``paths.py`` have the others.

Each rule takes a value and returns what is wrong with it, or None; values of another type are left
to the shape check.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from stashgen.api.base import format_time, parse_time
from stashgen.diagnostics import quote
from stashgen.kubestash.upkeep import percent
from stashgen.validate.walk import Code
from stashgen.yaml.nodes import Json

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", re.ASCII)
_SUBDOMAIN = re.compile(rf"{_LABEL.pattern}(\.{_LABEL.pattern})*", re.ASCII)
_CLUSTER_ID = re.compile(r"[a-z][a-z0-9]{1,11}", re.ASCII)
_BUCKET = re.compile(r"[a-z0-9][-.a-z0-9]{1,61}[a-z0-9]", re.ASCII)
_REGION = re.compile(r"[A-Za-z0-9][-_.A-Za-z0-9]{0,62}", re.ASCII)
_ENDPOINT = re.compile(r"https?://([-.A-Za-z0-9]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?", re.ASCII)
_UID = re.compile(r"[0-9A-Za-z-]{1,64}")
_LONGEST_LABEL, _LONGEST_SUBDOMAIN = 63, 253
# "init-storage-<name>" is a label's value, which has at most 63 characters.
_LONGEST_STORAGE = 50
_LARGEST_ID = 2**31 - 1


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


def check_time(value: Json) -> Problem | None:
    """A time as statuses have it: RFC 3339 in UTC, to the second."""
    if not isinstance(value, str) or _is_status_time(value):
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not the time of a check",
        "it is compared with that of the check that found the damage",
        "copy it from the condition RepositoryDamaged of the Repository, such as "
        '"2026-12-01T03:00:00Z"',
    )


def _is_status_time(text: str) -> bool:
    try:
        return format_time(parse_time(text)) == text
    except ValueError:
        return False


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
