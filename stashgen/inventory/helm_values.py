"""Claims in the values of Helm charts, by the conventions that most charts follow.

A chart's own name for its claim is not known without the chart: the mention has what is most
likely. Sources: bitnami's and bjw-s' common libraries, the Kubernetes community's charts.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from stashgen.inventory.mentions import CLAIM_NAMES, USES, Mention
from stashgen.inventory.objects import Object, Path, list_at, map_at, text_at
from stashgen.yaml.documents import read_documents
from stashgen.yaml.nodes import Json

_BLOCKS = frozenset(
    {"persistence", "persistentvolume", "persistentvolumeclaim", "persistentvolumes", "pvc"}
)
_TEMPLATES = frozenset({"volumeClaimTemplate", "volumeClaimTemplates"})
_CLAIM_TYPES = frozenset({"", "pvc", "persistentVolumeClaim", "statefulset", "volumeClaimTemplate"})
_CHART = "has a claim in its Helm values, and only the chart knows its name"
_MOST_STEPS = 20
_RELEASE = re.compile(r"\{\{-?\s*\.Release\.Name\s*-?\}\}")
_BLOCK_FIELDS = frozenset(
    {
        *CLAIM_NAMES,
        "accessMode",
        "accessModes",
        "enabled",
        "size",
        "storageClass",
        "storageClassName",
        "type",
    }
)


def chart_mentions(item: Object) -> Iterator[Mention]:
    """The claims in the Helm values of a HelmRelease, a HelmChart, an Application or a folder."""
    spec = item.spec
    match item.kind, item.group:
        case "HelmRelease", "helm.toolkit.fluxcd.io":
            release = text_at(spec, "releaseName") or item.name
            space = text_at(spec, "targetNamespace") or None
            yield from _values(spec, ("spec",), "values", release, space)
        case "HelmChart", "helm.cattle.io":
            space = text_at(spec, "targetNamespace") or None
            yield from _values(spec, ("spec",), "valuesContent", item.name, space)
        case "Application", "argoproj.io":
            yield from _application(spec, ("spec",), item.name)
        case "ApplicationSet", "argoproj.io":
            template = map_at(spec, "template")
            name = text_at(map_at(template, "metadata"), "name") or item.name
            yield from _application(map_at(template, "spec"), ("spec", "template", "spec"), name)
        case _:
            pass


def kustomization_mentions(item: Object) -> Iterator[Mention]:
    """The claims in the values of the charts that a kustomization inflates."""
    for index, chart in enumerate(list_at(item.data, "helmCharts")):
        if isinstance(chart, dict):
            release = text_at(chart, "releaseName") or text_at(chart, "name")
            space = text_at(chart, "namespace") or text_at(item.data, "namespace") or None
            yield from _values(chart, ("helmCharts", index), "valuesInline", release, space)


def values_mentions(data: Mapping[str, Json], release: str) -> Iterator[Mention]:
    """The claims in a file of values.

    Args:
        data: The values.
        release: What the file is called after, its release being unknown.
    """
    yield from _walk(dict(data), (), release, None, ())


def is_about_claims(path: str) -> bool:
    """Whether a ``--set`` parameter such as ``persistence.size`` may decide about a claim."""
    return any(
        step.lower() in _BLOCKS or step in _TEMPLATES or step in CLAIM_NAMES
        for step in path.split(".")
    )


def _application(spec: Mapping[str, Json], keys: Path, name: str) -> Iterator[Mention]:
    space = text_at(map_at(spec, "destination"), "namespace") or None
    sources: list[tuple[Path, Json]] = [((*keys, "source"), spec.get("source"))]
    sources += [
        ((*keys, "sources", index), part) for index, part in enumerate(list_at(spec, "sources"))
    ]
    for where, source in sources:
        helm = map_at(source, "helm") if isinstance(source, dict) else {}
        release = text_at(helm, "releaseName") or name
        for field in ("valuesObject", "values"):
            yield from _values(helm, (*where, "helm"), field, release, space)
        nested = _parameters(list_at(helm, "parameters"))
        yield from _at((*where, "helm", "parameters"), _walk(nested, (), release, space, ()))


def _values(
    node: Mapping[str, Json], keys: Path, field: str, release: str, space: str | None
) -> Iterator[Mention]:
    """The claims in a field with values: a map, or text that holds one."""
    value = node.get(field)
    if isinstance(value, str):
        read = read_documents(value.encode(), PurePosixPath("values.yaml"), dirty=True).value
        for document in read:
            yield from _at((*keys, field), _walk(document.data, (), release, space, ()))
    elif isinstance(value, dict):
        yield from _walk(value, (*keys, field), release, space, ())


def _at(keys: Path, found: Iterator[Mention]) -> Iterator[Mention]:
    """Mentions at one place, their own having no position."""
    for one in found:
        yield Mention(one.names, keys, one.why, one.namespace, one.is_exact)


def _parameters(written: list[Json]) -> dict[str, Json]:
    """``--set`` parameters as values: ``persistence.size`` is a path."""
    values: dict[str, Json] = {}
    for part in written:
        if not isinstance(part, dict):
            continue
        *path, last = text_at(part, "name").split(".", _MOST_STEPS)
        node = values
        for step in path:
            inner = node.setdefault(step, {})
            if not isinstance(inner, dict):
                break
            node = inner
        else:
            text = part.get("value")
            node.setdefault(last, {"true": True, "false": False}.get(str(text), text))
    return values


def _walk(
    node: Json, keys: Path, release: str, space: str | None, names: tuple[str, ...]
) -> Iterator[Mention]:
    """The claims in a part of the values; ``names`` leads to it, without the blocks' own names."""
    if isinstance(node, list):
        for index, part in enumerate(node):
            yield from _walk(part, (*keys, index), release, space, names)
        return
    if not isinstance(node, dict) or node.get("enabled") is False:
        return
    for key, value in node.items():
        where = (*keys, key)
        if key in CLAIM_NAMES and isinstance(value, str) and value:
            yield Mention((_named(value, release),), where, USES, space)
        elif key.lower() in _BLOCKS and isinstance(value, dict):
            yield from _block(value, where, release, space, names)
        elif (key.lower() in _BLOCKS and value is True) or (key in _TEMPLATES and value):
            yield _made(release, where, space, names)
        else:
            yield from _walk(value, where, release, space, (*names, key))


def _block(
    block: Mapping[str, Json], keys: Path, release: str, space: str | None, names: tuple[str, ...]
) -> Iterator[Mention]:
    """The claims of ``persistence``: one, or one for each entry."""
    if block.get("enabled") is False:
        return
    existing = next((key for key in block if key in CLAIM_NAMES and block[key]), None)
    if existing is not None:
        name = block[existing]
        if isinstance(name, str):
            yield Mention((_named(name, release),), (*keys, existing), USES, space)
        return
    if not _BLOCK_FIELDS.isdisjoint(block) and text_at(block, "type") in _CLAIM_TYPES:
        yield _made(release, keys, space, names)
        # Some charts have entries beside the fields of the main one.
    for key, entry in block.items():
        if isinstance(entry, dict) and not _BLOCK_FIELDS.isdisjoint(entry):
            yield from _block(entry, (*keys, key), release, space, (*names, key))


def _named(text: str, release: str) -> str:
    """A claim's name in values, which many charts evaluate as a template."""
    return _RELEASE.sub(release, text)


def _made(release: str, keys: Path, space: str | None, names: tuple[str, ...]) -> Mention:
    path = "-".join((release, *names))
    likely = (path, release) if len(names) <= 1 else (path,)
    return Mention(likely, keys, _CHART, space, is_exact=False)
