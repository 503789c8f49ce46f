"""The annotations that tell GitOps tools and our controller how to treat an object."""

from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.labels import RENDERED_ANNOTATION

_VERSION = "v1"
_SYNC_WAVE = "argocd.argoproj.io/sync-wave"
_SUBSTITUTE = "kustomize.toolkit.fluxcd.io/substitute"

# The controller creates nothing for such an object: it waits for what git applies.
COMPILED = {RENDERED_ANNOTATION: _VERSION}
# Deleting a file must not delete the records of backups: Argo CD and Flux leave these alone.
KEPT = {
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
}
# Before all that they hold to the rules.
FIRST = {_SYNC_WAVE: "-2"}
# Argo CD would keep a copy of the whole object in an annotation, which has 256 kB at most.
WITHOUT_LAST_APPLIED = {"argocd.argoproj.io/sync-options": "ServerSideApply=true"}
# Before everything that runs under these accounts. Nothing is later than the rest: Argo CD waits
# for the health of a wave before it applies the next one. What is late would never come while a
# bucket is away, and a BackupConfiguration is Ready only once its CronJob is there.
EARLY = {_SYNC_WAVE: "-1"}
# One failed night would make the whole Application Degraded; the sessions tell how they went.
WITHOUT_HEALTH = {"argocd.argoproj.io/ignore-healthcheck": "true"}


def annotated(data: JsonObject, annotations: dict[str, str]) -> JsonObject:
    """The object with annotations added to its own."""
    metadata = cast("JsonObject", data["metadata"])
    own = cast("dict[str, str]", metadata.get("annotations") or {})
    all_of_them = cast("JsonObject", own | annotations)
    return data | {"metadata": metadata | {"annotations": all_of_them}}


def without_substitution(data: JsonObject) -> JsonObject:
    """Keep Flux from replacing ``${...}`` in an object that has it somewhere.

    With ``postBuild`` substitution every unknown variable would become an empty text.
    """
    # Quotes stand around every text, so only a text can hold the two characters side by side;
    # walking the objects in Python took a third of the whole pass.
    return annotated(data, {_SUBSTITUTE: "disabled"}) if "${" in repr(data) else data
