"""The findings of the inventory pass."""

from collections.abc import Sequence
from enum import StrEnum

from stashgen.diagnostics import Finding, Position, Severity, quote
from stashgen.inventory.mentions import Mention
from stashgen.inventory.objects import Object

_RENDER = (
    "record the inventory with stashgen inventory (kustomize, Flux, Helm, kubectl), or add the "
    "{objects} as they are in the cluster (kubectl get {resource} -o yaml)"
)
_RENDER_CLAIMS = _RENDER.format(objects="claims", resource="pvc -A")
_RENDER_NAMESPACES = _RENDER.format(objects="Namespaces", resource="ns")


class Code(StrEnum):
    """What the inventory may report; each is explained in docs/findings.md."""

    UNKNOWN = "SG501"
    TWICE = "SG502"
    MENTIONED = "SG506"
    REBUILT = "SG507"
    POD_SECURITY_LABEL = "SG508"


def not_understood(item: Object, why: str) -> Finding:
    """An object that may be a volume and cannot be understood."""
    return Finding(
        code=Code.UNKNOWN,
        severity=Severity.WARNING,
        position=item.position,
        subject=item.subject(),
        what="this object is left out of the inventory",
        why=f"{why}; {_consequence(item)}",
        fix="add the rendered manifest to the inventory, or exclude the file from its patterns",
    )


def rebuilt(item: Object, why: str, related: Sequence[Position]) -> Finding:
    """A manifest that a kustomization turns into what is not known."""
    return Finding(
        code=Code.REBUILT,
        severity=Severity.WARNING,
        position=item.position,
        subject=item.subject(),
        what="this object is not taken as it is written",
        why=f"{why}; {_consequence(item)}",
        fix=_RENDER_NAMESPACES if item.kind == "Namespace" else _RENDER_CLAIMS,
        related=tuple(related),
    )


def _consequence(item: Object) -> str:
    if item.kind == "Namespace":
        return "no policy can select by its labels"
    return "any volume it describes is unknown and is not backed up"


def mentioned(item: Object, mention: Mention, volume: str) -> Finding:
    """A volume, or what may hold some, that the inventory mentions and does not define."""
    keys, why = mention.keys, mention.why
    what = f"volume {quote(volume)} is unknown"
    if mention.folders:
        what = f"any volumes in {mention.folders} are unknown"
    elif not mention.is_exact:
        what = f"a volume, probably {quote(volume)}, is unknown"
        what = f"volumes {quote(volume)} are unknown" if "*" in volume else what
    return Finding(
        code=Code.MENTIONED,
        severity=Severity.WARNING,
        position=item.position_of(*keys),
        subject=item.subject(*keys),
        what=what,
        why=f"this {item.kind or 'file'} {why}; no policy can back it up",
        fix=_RENDER_CLAIMS,
    )


def twice(item: Object, first: Object, *, is_same: bool) -> Finding:
    """An object that is in the inventory twice."""
    return Finding(
        code=Code.TWICE,
        severity=Severity.WARNING if is_same else Severity.ERROR,
        position=item.position,
        subject=item.subject(),
        what="this object is in the inventory twice",
        why="only the first one is used"
        if is_same
        else "the two differ, so a policy may select one but not the other",
        fix="exclude one of the two files from the inventory's patterns",
        related=(first.position,),
    )
