"""The annotations that tell GitOps tools and our controller how to treat an object."""

from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.labels import RENDERED_ANNOTATION

_VERSION = "v1"
_SYNC_WAVE = "argocd.argoproj.io/sync-wave"
_SUBSTITUTE = "kustomize.toolkit.fluxcd.io/substitute"

# The controller creates no children for such an object: it waits for them to be applied from Git.
COMPILED = {RENDERED_ANNOTATION: _VERSION}
# Deleting a file must not delete the records of backups: Argo CD and Flux leave these alone.
KEPT = {
    "argocd.argoproj.io/sync-options": "Prune=false,Delete=false",
    "argocd.argoproj.io/compare-options": "IgnoreExtraneous",
    "kustomize.toolkit.fluxcd.io/prune": "disabled",
}
# Before all objects that the policies apply to.
FIRST = {_SYNC_WAVE: "-2"}
# Argo CD would store a copy of the whole object in an annotation, which is limited to 256 kB.
WITHOUT_LAST_APPLIED = {"argocd.argoproj.io/sync-options": "ServerSideApply=true"}
# Before everything that runs under these accounts. Nothing has a later wave than the rest: Argo CD
# waits for a wave to be healthy before it applies the next one. A later wave would not be applied
# while a bucket is unavailable, and a BackupConfiguration is Ready only once its CronJob exists.
EARLY = {_SYNC_WAVE: "-1"}
# One failed night would make the whole Application Degraded; the sessions report their own outcome.
WITHOUT_HEALTH = {"argocd.argoproj.io/ignore-healthcheck": "true"}


def annotated(data: JsonObject, annotations: dict[str, str]) -> JsonObject:
    """The object with additional annotations."""
    metadata = cast("JsonObject", data["metadata"])
    own = cast("dict[str, str]", metadata.get("annotations") or {})
    all_of_them = cast("JsonObject", own | annotations)
    return data | {"metadata": metadata | {"annotations": all_of_them}}


def without_substitution(data: JsonObject) -> JsonObject:
    """Keep Flux from replacing ``${...}`` in an object that contains it.

    With ``postBuild`` substitution every unknown variable would become an empty string.
    """
    # In a repr only a string can contain the two characters side by side; walking the objects in
    # Python took a third of the whole pass.
    return annotated(data, {_SUBSTITUTE: "disabled"}) if "${" in repr(data) else data
