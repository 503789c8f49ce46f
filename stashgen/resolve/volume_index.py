"""Volumes by namespace, its labels and their names, so that thousands of policies are few looks."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from stashgen.model.inventory import Inventory, Volume
from stashgen.policy.selectors import Match, Selector
from stashgen.resolve.matching import fits

_WILDCARD = re.compile(r"[*?\[]")
# Of so few volumes each is looked at.
_FEW = 100
_Space = tuple[str, str]


class VolumeIndex:
    """Which volumes a selector may match; the others need not be looked at."""

    def __init__(self, inventory: Inventory) -> None:
        self._spaces: dict[_Space, list[Volume]] = {}
        self._claims: dict[str, list[Volume]] = {}
        for volume in inventory.volumes:
            space = (volume.key.cluster_id, volume.key.namespace)
            self._spaces.setdefault(space, []).append(volume)
            self._claims.setdefault(volume.key.name, []).append(volume)
        self._named: dict[str, list[_Space]] = {}
        self._labelled: dict[tuple[str, str], list[_Space]] = {}
        self._unlabelled: list[_Space] = []
        for space in self._spaces:
            self._named.setdefault(space[1], []).append(space)
            labels = inventory.namespace_labels.get(space)
            if labels is None:
                self._unlabelled.append(space)
            for pair in (labels or {}).items():
                self._labelled.setdefault(pair, []).append(space)
        self._space_names = sorted(self._named)
        self._claim_names = sorted(self._claims)

    def candidates(self, match: Match) -> Iterator[Volume]:
        """All volumes that match or of which that is not known, and others."""
        found = [self._spaces[space] for space in self._candidate_spaces(match.namespaces)]
        names = match.volumes.names if match.volumes is not None else None
        if names is None or sum(map(len, found)) <= _FEW:
            return chain.from_iterable(found)
        last = [name.rpartition("/")[2] for name in names]
        named = _matching(last, self._claim_names)
        return chain.from_iterable(self._claims[name] for name in named)

    def _candidate_spaces(self, selector: Selector | None) -> Iterable[_Space]:
        if selector is not None and selector.names is not None:
            named = _matching(selector.names, self._space_names)
            return chain.from_iterable(self._named[name] for name in named)
        if selector is not None and selector.match_labels:
            pair = next(iter(selector.match_labels.items()))
            return [*self._labelled.get(pair, ()), *self._unlabelled]
        return self._spaces


def _matching(patterns: Iterable[str], names: Sequence[str]) -> list[str]:
    """The names that match a pattern; ``names`` is sorted."""
    found: dict[str, None] = {}
    for pattern in patterns:
        wildcard = _WILDCARD.search(pattern)
        prefix = pattern if wildcard is None else pattern[: wildcard.start()]
        index = bisect_left(names, prefix)
        while index < len(names) and names[index].startswith(prefix):
            if fits(pattern, names[index]):
                found[names[index]] = None
            index += 1
    return list(found)
