"""Classes of volumes: those whose objects differ only in names, directories, times and pod labels.

Of thousands of volumes few are rendered: ``volume_objects`` is given one with marks in place of
what varies, and the output fills in each volume's values. There is no other renderer, and a class
whose objects are not those of its first volume, filled in, is rendered volume by volume.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, fields, replace

from stashgen.api.base import JsonObject
from stashgen.model.resolved import Beside, Protection, ResolvedCopy, ResolvedSession
from stashgen.render.annotations import without_substitution
from stashgen.render.volume import Storages, volume_objects
from stashgen.yaml import marks

# For fewer volumes a class takes longer than it saves.
FEWEST = 3

# What differs between the volumes of a class, and what is compared part by part.
VARYING = {"volume", "configuration", "schedule", "repository", "directory", "labels"}
_NESTED = {"sessions", "copies", "beside", "acknowledged"}
# Where something is written and as what, which no object says.
UNSEEN = {"position", "spec", "origin", "retention_origin", "written"}
# Models, which have no hash: what is decided once is one object for many volumes.
_SHARED = {"cluster", "job", "storage", "retention", "encryption"}


@dataclass(frozen=True, slots=True)
class Rendered:
    """The objects of a volume.

    Attributes:
        objects: With marks if there are values.
        values: What is in place of the marks.
        is_first: No volume before had the same objects but for the values.
    """

    objects: tuple[JsonObject, ...]
    values: tuple[str, ...] = ()
    is_first: bool = True


class VolumeRenderer:
    """Renders volumes, those of a class once."""

    def __init__(self, protections: Iterable[Protection], storages: Storages) -> None:
        """Count the volumes of each class.

        Args:
            protections: All volumes to be rendered.
            storages: The BackupStorage of a copy, as rendered.
        """
        self._storages = storages
        self._counts = Counter(class_of(one, values_of(one)) for one in protections)
        self._classes: dict[Hashable, tuple[JsonObject, ...] | None] = {}

    def render(self, protection: Protection) -> Rendered:
        """The objects of ``<volume>.yaml``."""
        values = values_of(protection)
        key = class_of(protection, values)
        if self._counts[key] < FEWEST or not all(map(marks.can_vary, values)):
            return Rendered(self._each(protection))
        is_first = key not in self._classes
        if is_first:
            self._classes[key] = self._class(protection, values)
        made = self._classes[key]
        if made is None:
            return Rendered(self._each(protection))
        return Rendered(made, values, is_first)

    def _each(self, protection: Protection) -> tuple[JsonObject, ...]:
        made = volume_objects(protection, self._storages)
        return tuple(without_substitution(item) for item in made)

    def _class(
        self, protection: Protection, values: Sequence[str]
    ) -> tuple[JsonObject, ...] | None:
        """The objects with marks; None if they are not the volume's with its values."""
        own = self._each(protection)
        names = [marks.mark(values.index(value)) for value in values]
        made = self._each(with_values(protection, names))
        return None if marks.is_marked(own) or marks.fill(made, values) != own else made


def class_of(protection: Protection, values: Sequence[str]) -> Hashable:
    """Equal for volumes of one class; which values are equal matters to the renderer, too."""
    sessions, beside = protection.sessions, protection.beside
    return (
        protection.volume.key.namespace,
        tuple(map(values.index, values)),
        tuple(protection.acknowledged.items()),
        _OF_PROTECTION(protection),
        tuple(map(_OF_SESSION, sessions)),
        tuple(tuple(map(_OF_COPY, session.copies)) for session in sessions),
        None if beside is None else (_OF_BESIDE(beside), *beside.labels),
    )


def _fixed(
    model: type[Protection | ResolvedSession | ResolvedCopy | Beside],
) -> Callable[[object], Hashable]:
    """What is the same for all volumes of a class; a new field is, until it is said to vary."""
    names = {one.name for one in fields(model)} - VARYING - _NESTED - UNSEEN
    equal, shared = sorted(names - _SHARED), sorted(names & _SHARED)

    def key(one: object) -> Hashable:
        return (
            *(getattr(one, name) for name in equal),
            *(id(getattr(one, name)) for name in shared),
        )

    return key


_OF_PROTECTION, _OF_SESSION = _fixed(Protection), _fixed(ResolvedSession)
_OF_COPY, _OF_BESIDE = _fixed(ResolvedCopy), _fixed(Beside)


def values_of(protection: Protection) -> tuple[str, ...]:
    """What varies in a class, in the order of ``with_values``."""
    values = [protection.volume.key.name, protection.configuration]
    for session in protection.sessions:
        values.append(session.schedule)
        for copy in session.copies:
            values += (copy.repository, copy.directory)
    if protection.beside is not None:
        values += protection.beside.labels.values()
    return tuple(values)


def with_values(protection: Protection, values: Iterable[str]) -> Protection:
    """The protection with others of the values that vary in a class."""
    given = iter(values)
    key = replace(protection.volume.key, name=next(given))
    configuration = next(given)
    sessions = tuple(
        replace(
            session,
            schedule=next(given),
            copies=tuple(
                replace(copy, repository=next(given), directory=next(given))
                for copy in session.copies
            ),
        )
        for session in protection.sessions
    )
    beside = protection.beside
    if beside is not None:
        beside = replace(beside, labels={name: next(given) for name in beside.labels})
    return replace(
        protection,
        volume=replace(protection.volume, key=key),
        configuration=configuration,
        sessions=sessions,
        beside=beside,
    )
