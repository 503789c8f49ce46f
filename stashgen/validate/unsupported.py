"""Fields and values that are part of the language but not implemented yet.

They are rejected by name, so that a field without effect does not appear to work.
"""

from collections.abc import Mapping

_TEST_RESTORES = "test restores yourself, into another claim (docs/restore.md)"
# What to do until a field is implemented, beside removing it.
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "Project": {},
    "Storage": {
        "spec.credentials.annotations": "set roleARN for a bucket of Amazon, or use a Secret",
        "spec.backend.gcs": "use s3 or local",
        "spec.backend.azure": "use s3 or local",
    },
    "BackupPolicy": {
        "spec.objectives.verified": _TEST_RESTORES,
        "spec.exceptions[].set.objectives.verified": _TEST_RESTORES,
    },
    "Guardrail": {},
    "RetentionPolicy": {},
    "RestoreRequest": {},
}

_VALUES = {
    ("Project", "spec.controller"): frozenset({"kubestash"}),
    ("Storage", "spec.backend.provider"): frozenset({"gcs", "azure"}),
    ("Storage", "spec.credentials.from"): frozenset({"Storage"}),
}

# Errors about these fields follow from an unsupported one and are not reported in addition.
FOLLOWS = {
    "spec.credentials.from": frozenset({"spec.credentials.secretName"}),
}

KUBESTASH_GROUPS = (
    "storage.kubestash.com/",
    "core.kubestash.com/",
    "addons.kubestash.com/",
)


def generic(keys: tuple[str | int, ...]) -> str:
    """A path without indices: ``spec.sessions[].name``."""
    text = ""
    for key in keys:
        if isinstance(key, int):
            text += "[]"
        else:
            text += f".{key}" if text else key
    return text


def is_unsupported_field(kind: str, keys: tuple[str | int, ...]) -> bool:
    """Whether the language has this field, but no implementation."""
    return generic(keys) in _FIELDS[kind]


def until_supported(kind: str, keys: tuple[str | int, ...]) -> str:
    """What to do instead of setting such a field; KeyError for any other field."""
    return f"remove it; until then {_FIELDS[kind][generic(keys)]}"


def is_unsupported_value(kind: str, keys: tuple[str | int, ...], value: object) -> bool:
    """Whether the language has this value, but no implementation."""
    return isinstance(value, str) and value in _VALUES.get((kind, generic(keys)), frozenset())
