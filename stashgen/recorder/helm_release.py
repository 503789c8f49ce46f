"""A HelmRelease of Flux: its chart, if that is in the repository, and its values, if all are."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from stashgen.inventory.objects import Object, list_at, map_at, text_at
from stashgen.recorder.repository import Repository
from stashgen.recorder.settings import Settings
from stashgen.yaml.documents import read_documents
from stashgen.yaml.nodes import Json

_CHART = "Chart.yaml"


def release_of(item: Object) -> tuple[str, str] | None:
    """The release's name and namespace; None for other objects, and where they are not known.

    Source: helm-controller, ``HelmRelease.GetReleaseName``.
    """
    if item.kind != "HelmRelease" or item.group != "helm.toolkit.fluxcd.io":
        return None
    target = text_at(item.spec, "targetNamespace")
    namespace = target or item.namespace
    composed = f"{target}-{item.name}" if target else item.name
    name = text_at(item.spec, "releaseName") or composed
    return (name, namespace) if name and namespace else None


def local_chart(item: Object, repository: Repository) -> PurePosixPath | None:
    """The chart's folder below the repository's root; None if it has to be downloaded."""
    spec = map_at(item.spec, "chart", "spec")
    chart, source = text_at(spec, "chart"), map_at(spec, "sourceRef")
    if not chart or text_at(source, "kind") != "GitRepository" or item.spec.get("postRenderers"):
        # What post-renderers change is not followed.
        return None
    folder = repository.folder(chart)
    if folder is None or not (repository.root / folder / _CHART).is_file():
        return None
    described = _read((repository.root / folder / _CHART).read_text("utf-8", "replace"))
    lacks_parts = bool(list_at(described, "dependencies"))
    return None if lacks_parts and not (repository.root / folder / "charts").is_dir() else folder


def charts_values(item: Object, settings: Settings) -> tuple[dict[str, Json], bool]:
    """The values of a release as far as they are in Git, and whether these are all."""
    merged: dict[str, Json] = {}
    is_whole = True
    for source in list_at(item.spec, "valuesFrom"):
        value = _value(source, item.namespace or "", settings) if isinstance(source, dict) else None
        if value is None:
            is_whole = False
        else:
            merged = _merged(merged, _read(value))
    return _merged(merged, map_at(item.spec, "values")), is_whole


def with_all_values(item: Object, settings: Settings) -> Object:
    """A release whose own values are all that are in Git; other objects as they are."""
    if release_of(item) is None or not item.spec.get("valuesFrom"):
        return item
    values, _ = charts_values(item, settings)
    spec: dict[str, Json] = {**item.spec, "values": values}
    return Object({**item.data, "spec": spec}, item.document, item.path)


def _value(source: Mapping[str, Json], namespace: str, settings: Settings) -> str | None:
    """What an entry of ``valuesFrom`` has; None if that is not known or only one value."""
    name, key = text_at(source, "name"), text_at(source, "valuesKey") or "values.yaml"
    known = settings.values(text_at(source, "kind"), namespace, name)
    return None if known is None or source.get("targetPath") else known.get(key)


def _read(text: str) -> Mapping[str, Json]:
    read = read_documents(text.encode(), PurePosixPath("values.yaml"), dirty=True).value
    return read[0].data if read else {}


def _merged(below: Mapping[str, Json], above: Mapping[str, Json]) -> dict[str, Json]:
    """Two trees of values as Helm merges them: maps by key, everything else replaced."""
    made = dict(below)
    for key, value in above.items():
        known = made.get(key)
        is_map = isinstance(known, dict) and isinstance(value, dict)
        made[key] = _merged(map_at(made, key), map_at(above, key)) if is_map else value
    return made
