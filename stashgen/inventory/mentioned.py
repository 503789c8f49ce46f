"""Which of the mentioned claims the inventory does not define."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from stashgen.diagnostics import Finding, Position
from stashgen.inventory.findings import mentioned
from stashgen.inventory.kustomize.outcome import identity
from stashgen.inventory.kustomize.placements import Placement
from stashgen.inventory.mentions import Mention
from stashgen.inventory.objects import Object
from stashgen.model.inventory import UnknownVolume, Volume
from stashgen.yaml.nodes import Json

_MOST_RELATED = 3


@dataclass(frozen=True, slots=True)
class Mentioned:
    """A mention, the object that it is in, and one way in which that gets into the cluster."""

    mention: Mention
    item: Object
    placement: Placement


class UndefinedClaims:
    """The claims of one cluster that are mentioned and not defined.

    Attributes:
        unknown: The volumes that follow, by namespace and name.
        findings: One for each of them.
    """

    def __init__(
        self, cluster_id: str, volumes: Iterable[Volume], unknown: Iterable[UnknownVolume]
    ) -> None:
        self.unknown: dict[tuple[str, str], UnknownVolume] = {}
        self._findings: dict[tuple[str, str], Finding] = {}
        self._cluster_id = cluster_id
        self._names: dict[str, set[str]] = {}
        self._beside: dict[tuple[PurePosixPath, str], bool] = {}
        for volume in volumes:
            self._define(volume.key.namespace, volume.key.name, volume.position)
        for one in unknown:
            # A claim that has its own finding.
            if one.name:
                self._define(one.namespace, one.name, one.position)

    @property
    def findings(self) -> list[Finding]:
        """One for each unknown volume, at the first place that mentions it."""
        return list(self._findings.values())

    def add(self, found: Mentioned) -> None:
        """Take a mention; nothing happens if the claim is defined."""
        mention, item = found.mention, found.item
        own = identity(item, found.placement)
        # A namespace in the mention may have the placeholders of the object's.
        space = self._namespace(found) if mention.namespace else own.namespace
        names = [candidate for name in mention.names for candidate in self._candidates(found, name)]
        if any(self._is_defined(space, name, item.document.path.parent) for name in names):
            return
        key = (space or "", names[0])
        known = self._findings.get(key)
        if known is not None:
            place = item.position_of(*mention.keys)
            if len(known.related) < _MOST_RELATED and place not in {known.position, *known.related}:
                self._findings[key] = replace(known, related=(*known.related, place))
            return
        shown = f"{space}/{names[0]}" if space else names[0]
        self._findings[key] = mentioned(item, mention, shown)
        self.unknown[key] = UnknownVolume(
            item.position_of(*mention.keys), self._cluster_id, space or "", names[0]
        )

    def _namespace(self, found: Mentioned) -> str | None:
        written: Json = {"namespace": found.mention.namespace, "name": found.item.name}
        item = Object({"metadata": written}, found.item.document, found.item.path)
        layers = (replace(layer, namespace=None) for layer in found.placement.layers)
        return identity(item, Placement(tuple(layers))).namespace

    def _candidates(self, found: Mentioned, name: str) -> tuple[str, ...]:
        """The names that a claim may have: kustomize changes references with the claim's name."""
        known = identity(found.item, found.placement, name)
        return (known.original, known.name) if known.name != known.original else (known.original,)

    def _define(self, namespace: str, name: str, position: Position) -> None:
        self._names.setdefault(namespace, set()).add(name)
        self._beside[position.path.parent, name] = True

    def _is_defined(self, space: str | None, name: str, folder: PurePosixPath) -> bool:
        if not space:
            return (folder, name) in self._beside or name in self._names.get("", ())
        names = self._names.get(space, set())
        if "*" in name:
            return any(fnmatchcase(one, name) for one in names)
        # A claim whose namespace is not known may be this one, if it is in the same folder.
        return name in names or ((folder, name) in self._beside and name in self._names.get("", ()))
