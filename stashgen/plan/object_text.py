"""Classes of objects that differ, in words."""

from collections.abc import Iterable, Iterator

from stashgen.plan.plan import FieldChange, ObjectClass

# Objects that say who may do what.
_GRANTS = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "ExternalSecret",
        "Role",
        "RoleBinding",
        "ServiceAccount",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
    }
)
_MOST_FIELDS = 8
_LONGEST_VALUE = 80


def object_texts(
    classes: Iterable[ObjectClass], *, are_grants: bool
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """A text and details for each class of objects that say who may do what, or of all others."""
    for one in classes:
        if (one.kind in _GRANTS) == are_grants:
            yield _class_text(one), (*_class_details(one),)


def _class_text(one: ObjectClass) -> str:
    text = f"{one.number} {one.kind} {one.change}"
    if len(one.fields) == 1 and one.is_same:
        return f"{text}: {_field_text(one.fields[0])}"
    return text


def _class_details(one: ObjectClass) -> Iterator[str]:
    if len(one.fields) > 1 or not one.is_same:
        for field in one.fields[:_MOST_FIELDS]:
            yield _field_text(field)
        rest = len(one.fields) - _MOST_FIELDS
        if rest > 0:
            yield f"and {rest} more fields"
    others = f" and {one.number - 1} more" if one.number > 1 else ""
    own = "" if one.is_same else "each with values of its own, such as "
    yield f"{own}{one.sample}{others}"


def _field_text(field: FieldChange) -> str:
    return f"{field.path} {_value(field.before)} -> {_value(field.after)}"


def _value(text: str) -> str:
    if not text:
        return "nothing"
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
