"""Rules for paths: in the Git repository, in a container, in a storage, in a volume."""

from stashgen.diagnostics import quote
from stashgen.kubestash.backup_files import why_no_pattern
from stashgen.policy import volume_paths
from stashgen.policy.template import CLUSTER_NAMES, VOLUME_NAMES, check_template
from stashgen.validate.values import Problem
from stashgen.validate.walk import Code
from stashgen.yaml.nodes import Json


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


def left_out(value: Json) -> Problem | None:
    """A pattern of files that are not backed up (restic manual, "Excluding Files")."""
    if not isinstance(value, str):
        return None
    is_one = value == value.strip() and not {",", "\n", "\0"} & {*value} and "$(" not in value
    why = why_no_pattern(value)
    if is_one and why is None:
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not a pattern of files to leave out",
        why
        or "it must contain no comma, no line break, no $( of a variable and no space at an end",
        'use a pattern such as "*.tmp", or "/cache" for a folder at the top of the volume',
    )


def path(value: Json) -> Problem | None:
    """A file or folder of a volume; a slash at its beginning is the top of the volume."""
    if not isinstance(value, str) or volume_paths.is_path(value):
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(value)} is not a path in a volume",
        volume_paths.WHY,
        volume_paths.FIX,
    )


def apart(value: Json) -> Problem | None:
    """Paths of which none is in another: its files would be backed up twice."""
    if not isinstance(value, list):
        return None
    texts = (item for item in value if isinstance(item, str))
    inner = volume_paths.nested(item for item in texts if volume_paths.is_path(item))
    if inner is None:
        return None
    return Problem(
        Code.NOT_ALLOWED,
        f"{quote(inner)} is in another path of the list",
        "its files would be in each backup twice",
        "remove one of the two",
    )
