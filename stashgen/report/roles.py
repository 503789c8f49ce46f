"""The roles that pods assume with the token of their ServiceAccount, and who has to be trusted."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import cast

from stashgen.api.base import JsonObject, list_of
from stashgen.kubestash.backends.s3 import AUDIENCE
from stashgen.model.manifest import Manifest
from stashgen.report.secrets import place_of, pods_of

_FLAG = "--role-arn="


@dataclass(slots=True)
class AssumedRole:
    """A role of some pods of a namespace.

    Attributes:
        subjects: The accounts that its trust policy has to name, as their tokens do.
        assumed_by: The kinds of pods, by whose they are: ``storage s3``, ``volume data``.
    """

    arn: str
    audience: str = AUDIENCE
    subjects: set[str] = field(default_factory=set)
    assumed_by: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


Roles = Mapping[tuple[str, str], tuple[AssumedRole, ...]]


def assumed_roles(manifests: Iterable[Manifest]) -> Roles:
    """The roles by cluster name and namespace, sorted by ARN.

    Args:
        manifests: Everything that is rendered.
    """
    found: dict[tuple[str, str], dict[str, AssumedRole]] = defaultdict(dict)
    for manifest in manifests:
        place = place_of(manifest.path)
        for whose, kind, spec in pods_of(manifest):
            for arn in _roles(spec):
                role = found[place].setdefault(arn, AssumedRole(arn))
                account = f"{place[1]}:{spec['serviceAccountName']}"
                role.subjects.add(f"system:serviceaccount:{account}")
                role.assumed_by[whose].add(kind)
    return {
        place: tuple(role for _, role in sorted(roles.items())) for place, roles in found.items()
    }


def _roles(spec: JsonObject) -> Iterable[str]:
    args = (arg for one in list_of(spec, "containers") for arg in cast("list[str]", one["args"]))
    return (arg.removeprefix(_FLAG) for arg in args if arg.startswith(_FLAG))
