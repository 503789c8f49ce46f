"""Render what Flux applies to a cluster: its Kustomizations, and the HelmReleases at hand.

Nothing is asked of a cluster. What needs more than the repository has (another source, a chart that
has to be downloaded, a Secret's values) stays as it is, so that a build reports it as unknown.
"""

import contextlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from stashgen.diagnostics import ToolError, printable
from stashgen.inventory.kustomize.substitution import Variables, substitute
from stashgen.inventory.objects import Object, map_at, text_at
from stashgen.recorder.helm import template_with
from stashgen.recorder.helm_release import charts_values, local_chart, release_of
from stashgen.recorder.kustomize import build
from stashgen.recorder.overlay import overlay
from stashgen.recorder.rendered import Rendered, all_rendered, read_objects
from stashgen.recorder.repository import Repository
from stashgen.recorder.settings import Settings
from stashgen.yaml.emitter import emit
from stashgen.yaml.nodes import Json

_GROUP = "kustomize.toolkit.fluxcd.io"
_SEPARATOR = re.compile(r"^---[ \t]*\n", re.MULTILINE)
_DISABLED = f"{_GROUP}/substitute"
_OWN = "flux-system"
_Key = tuple[str, str]


@dataclass(slots=True)
class Flux:
    """What Flux applies to one cluster.

    Attributes:
        repository: That it reads.
        output: The folder that builds write, which is no input.
    """

    repository: Repository
    output: Path
    _settings: Settings = field(default_factory=Settings)
    _addresses: dict[str, str] = field(default_factory=dict)

    def render(self, folder: PurePosixPath) -> tuple[Rendered, ...]:
        """The objects that a folder leads to, such as ``clusters/prod``.

        Args:
            folder: Below the repository's root.

        Raises:
            ToolError: a program is missing or fails.
        """
        at_the_top = self._build(_bare(), folder)
        self._learn(at_the_top)
        found: list[Object] = []
        pending, seen = {_key(one): one for one in _kustomizations(at_the_top)}, set[_Key]()
        is_applied_by_itself = False
        while pending:
            key = next((key for key, one in pending.items() if self._is_ready(one)), None)
            key = key or next(iter(pending))
            item = pending.pop(key)
            seen.add(key)
            applied = self._folder(item)
            if applied is None and not self._is_output(item):
                found.append(item)
                continue
            if applied is None or item.spec.get("kubeConfig") or self._is_output(item):
                # It is for another cluster, or our own output.
                continue
            is_applied_by_itself = is_applied_by_itself or applied == folder
            with _named(f"Kustomization {item.namespace or ''}/{item.name} ({applied})"):
                items = self._build(item, applied)
            self._learn(items)
            found += (one for one in items if not _is_kustomization(one))
            pending |= {_key(one): one for one in _kustomizations(items) if _key(one) not in seen}
        if not is_applied_by_itself:
            found += (one for one in at_the_top if not _is_kustomization(one))
        return tuple(self._releases(found))

    def _is_ready(self, item: Object) -> bool:
        """Whether the ConfigMaps and Secrets of its variables are known already."""
        return all(
            self._settings.has(text_at(one, "kind"), item.namespace or "", text_at(one, "name"))
            for one in _maps(map_at(item.spec, "postBuild").get("substituteFrom"))
        )

    def _folder(self, item: Object) -> PurePosixPath | None:
        """The folder that a Flux Kustomization applies; None if it is not in this repository."""
        return self.repository.folder(_path(item)) if self._may_be_own(item) else None

    def _may_be_own(self, item: Object) -> bool:
        source = map_at(item.spec, "sourceRef")
        kind, name = text_at(source, "kind"), text_at(source, "name")
        if name == _OWN:
            return True
        # Artifacts have paths of their own. A Git repository of another name may be this one,
        # but then its root is somebody else's.
        is_other = not self.repository.may_be(self._addresses.get(name, ""))
        return kind == "GitRepository" and not is_other and _path(item).strip("./") != ""

    def _is_output(self, item: Object) -> bool:
        """Whether a Flux Kustomization applies what builds write, perhaps the first one soon."""
        place = (self.repository.root / _path(item).lstrip("/")).resolve()
        return self._may_be_own(item) and place.is_relative_to(self.output)

    def _build(self, item: Object, folder: PurePosixPath) -> tuple[Object, ...]:
        with tempfile.TemporaryDirectory(prefix="stashgen-") as made:
            place = Path(made).resolve()
            content = overlay(item, folder, self.repository, place)
            if not content["resources"]:
                return ()
            (place / "kustomization.yaml").write_text(emit(content), encoding="utf-8")
            printed = build(".", place, is_restricted=False).decode("utf-8", "replace")
        filled = self._substituted(printed, item)
        return read_objects(filled.encode(), f"kustomize build {folder}") if filled.strip() else ()

    def _substituted(self, text: str, item: Object) -> str:
        post_build = map_at(item.spec, "postBuild")
        if not post_build:
            return text
        variables = self._variables(item)
        parts = (part for part in _SEPARATOR.split(text) if part.strip())
        return "---\n".join(
            part if _is_disabled(part) else substitute(part, variables) for part in parts
        )

    def _variables(self, item: Object) -> Variables:
        values: dict[str, str] = {}
        secret: set[str] = set()
        has_more = False
        post_build = map_at(item.spec, "postBuild")
        for source in _maps(post_build.get("substituteFrom")):
            kind, name = text_at(source, "kind"), text_at(source, "name")
            known = self._settings.values(kind, item.namespace or "", name)
            if known is None:
                has_more = True
                continue
            for key, value in known.items():
                values.pop(key, None)
                secret.discard(key)
                if value is None:
                    secret.add(key)
                else:
                    values[key] = value
        for key, written in map_at(post_build, "substitute").items():
            secret.discard(key)
            values[key] = _text(written)
        return Variables(values, secret, has_more, keeps_undefined=False)

    def _learn(self, items: Iterable[Object]) -> None:
        for item in items:
            self._settings.add(item)
            if item.kind == "GitRepository":
                self._addresses[item.name] = text_at(item.spec, "url")

    def _releases(self, items: list[Object]) -> Iterator[Rendered]:
        """The objects, with a HelmRelease rendered if its chart and its values are at hand."""
        for item in items:
            release = release_of(item)
            chart = None if release is None else local_chart(item, self.repository)
            values, is_whole = charts_values(item, self._settings)
            if release is None or chart is None or not is_whole:
                yield Rendered(item)
                continue
            name, namespace = release
            shown = f"HelmRelease {item.namespace or ''}/{item.name} ({chart})"
            with _named(shown):
                printed = template_with(str(chart), name, namespace, values, self.repository.root)
                made = read_objects(printed, shown) if printed.strip() else ()
            yield from all_rendered(made, namespace)


@contextlib.contextmanager
def _named(shown: str) -> Iterator[None]:
    """Say what is rendered in front of what fails."""
    try:
        yield
    except ToolError as error:
        raise ToolError(f"{printable(shown)}: {error}", error.details) from error


def _bare() -> Object:
    """A Kustomization that changes nothing."""
    (item,) = read_objects(b"{apiVersion: v1, kind: Folder}", "folder")
    return item


def _path(item: Object) -> str:
    return text_at(item.spec, "path") or "."


def _kustomizations(items: Iterable[Object]) -> Iterator[Object]:
    return (item for item in items if _is_kustomization(item))


def _is_kustomization(item: Object) -> bool:
    return item.kind == "Kustomization" and item.group == _GROUP


def _key(item: Object) -> _Key:
    return item.namespace or "", item.name


def _is_disabled(part: str) -> bool:
    if _DISABLED not in part:
        return False
    metadata = [map_at(item.data, "metadata") for item in read_objects(part.encode(), "part")]
    return any(
        map_at(one, block).get(_DISABLED) == "disabled"
        for one in metadata
        for block in ("labels", "annotations")
    )


def _text(value: Json) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _maps(node: Json) -> list[dict[str, Json]]:
    return [one for one in node if isinstance(one, dict)] if isinstance(node, list) else []
