"""Annotations of claims and namespaces that decide nothing."""

from collections.abc import Iterable, Iterator

from stashgen.api.labels import (
    EVERY_ANNOTATION,
    OPT_OUT_ANNOTATION,
    OPT_OUT_OWNER_ANNOTATION,
    OPT_OUT_REASON_ANNOTATION,
    OPT_OUT_UNTIL_ANNOTATION,
    PATHS_ANNOTATION,
    POLICY_ANNOTATION,
)
from stashgen.diagnostics import Finding, Severity, quote
from stashgen.model.inventory import Annotation, Annotations, Inventory, Volume, volume_list
from stashgen.resolve.findings import Code, finding
from stashgen.resolve.selection import Selection

_SETTINGS = (POLICY_ANNOTATION, EVERY_ANNOTATION, PATHS_ANNOTATION)
_OF_OPT_OUTS = (OPT_OUT_REASON_ANNOTATION, OPT_OUT_OWNER_ANNOTATION, OPT_OUT_UNTIL_ANNOTATION)
_Groups = dict[tuple[str, Annotation], list[Volume]]
_NO_OPT_OUT = f"it belongs to {OPT_OUT_ANNOTATION}, which is not on the same object"


def idle_annotations(inventory: Inventory, selection: Selection) -> Iterator[Finding]:
    """What has no effect, once for each annotation: in error only if no policy selects the claim.

    Args:
        inventory: With all volumes and namespaces.
        selection: As opt-outs and annotations have changed it.
    """
    unprotected: _Groups = {}
    excluded: _Groups = {}
    incomplete: _Groups = {}
    left_out = selection.on_purpose.keys() | selection.excluded
    for volume in selection.unselected:
        group = excluded if volume.key in left_out else unprotected
        for found in _among(volume.annotations, _SETTINGS):
            group.setdefault(found, []).append(volume)
    for volume in inventory.volumes:
        for found in _without_opt_out(volume.annotations):
            incomplete.setdefault(found, []).append(volume)
    for (key, annotation), volumes in unprotected.items():
        yield finding(
            Code.NOT_DELEGATED,
            annotation.origin,
            f"{key} of {volume_list(volumes)} has no effect",
            why="no policy selects the volume, so none has delegated anything to it",
            fix="let a policy select the volume, or remove the annotation",
        )
    for (key, annotation), volumes in excluded.items():
        yield _idle(annotation, f"{key} of {volume_list(volumes)}", "the volume is excluded")
    for (key, annotation), volumes in incomplete.items():
        yield _idle(annotation, f"{key} of {volume_list(volumes)}", _NO_OPT_OUT)
    yield from _of_namespaces(inventory, selection)


def _of_namespaces(inventory: Inventory, selection: Selection) -> Iterator[Finding]:
    taken = {(one.key.cluster_id, one.key.namespace) for one, _ in selection.selected}
    empty = {(one.key.cluster_id, one.key.namespace) for one in selection.unselected} - taken
    for space, annotations in inventory.namespace_annotations.items():
        if space in empty:
            for key, annotation in _among(annotations, _SETTINGS):
                why = "no policy protects a volume of the namespace"
                yield _idle(annotation, f"{key} of namespace {quote(space[1])}", why)
        for key, annotation in _without_opt_out(annotations):
            yield _idle(annotation, f"{key} of namespace {quote(space[1])}", _NO_OPT_OUT)


def _among(annotations: Annotations, keys: Iterable[str]) -> Iterator[tuple[str, Annotation]]:
    return ((key, annotations[key]) for key in keys if key in annotations)


def _without_opt_out(annotations: Annotations) -> Iterator[tuple[str, Annotation]]:
    return _among(annotations, () if OPT_OUT_ANNOTATION in annotations else _OF_OPT_OUTS)


def _idle(annotation: Annotation, what: str, why: str) -> Finding:
    return finding(
        Code.IDLE_ANNOTATION,
        annotation.origin,
        f"{what} has no effect",
        why=why,
        fix="remove the annotation, or what keeps it from having an effect",
        severity=Severity.WARNING,
    )
