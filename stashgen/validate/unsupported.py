"""Fields and values that are part of the language but not implemented yet.

They are rejected by name, so that a field without effect does not appear to work.
"""

_FIELDS = {
    "Project": frozenset(
        {
            "spec.guardrails",
        }
    ),
    "Storage": frozenset(
        {
            "spec.credentials.annotations",
            "spec.facts",
            "spec.backend.gcs",
            "spec.backend.azure",
        }
    ),
    "BackupPolicy": frozenset(
        {
            "spec.objectives.verified",
            "spec.exceptions[].set.objectives.verified",
            "spec.delegate.paths",
        }
    ),
    "RetentionPolicy": frozenset[str](),
    "RestoreRequest": frozenset[str](),
}

_VALUES = {
    ("Project", "spec.controller"): frozenset({"kubestash"}),
    ("Storage", "spec.backend.provider"): frozenset({"gcs", "azure"}),
    ("Storage", "spec.credentials.from"): frozenset({"Storage", "WorkloadIdentity"}),
}

# Errors about these fields follow from an unsupported one and are not reported in addition.
FOLLOWS = {
    "spec.credentials.from": frozenset({"spec.credentials.secretName"}),
}

OUR_KINDS = frozenset({"Guardrail"})
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


def is_unsupported_value(kind: str, keys: tuple[str | int, ...], value: object) -> bool:
    """Whether the language has this value, but no implementation."""
    return isinstance(value, str) and value in _VALUES.get((kind, generic(keys)), frozenset())
