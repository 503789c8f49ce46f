"""The lines that make a difference between two states."""

import json
from collections.abc import Iterable, Iterator

from stashgen.api.base import Model
from stashgen.api.labels import POLICY_ANNOTATION
from stashgen.model.resolved import Protection, ResolvedCopy, ResolvedSession
from stashgen.model.source import Origin
from stashgen.plan.plan import Cause
from stashgen.plan.state import State

# What decides when a session runs, and how old a backup may become.
RHYTHM = ("every", "schedule", "between", "days", "timeout", "suspend")
_LONGEST = 60


class Causes:
    """Finds lines; positions are as the reader of the plan finds them."""

    def __init__(self, before: State, after: State) -> None:
        self._before = before
        self._after = after

    def of_session(
        self, before: ResolvedSession | None, after: ResolvedSession | None, fields: Iterable[str]
    ) -> Iterator[Cause]:
        """Where the two differ in these fields, as people write them."""
        if before is None and after is not None:
            yield self._new(after.origin, f"session {after.written.name}")
        elif before is not None and after is None:
            yield self._old(before.origin, f"session {before.written.name}")
        elif before is not None and after is not None:
            yield from self._of_fields(before, after, fields)

    def _of_fields(
        self, before: ResolvedSession, after: ResolvedSession, fields: Iterable[str]
    ) -> Iterator[Cause]:
        for field in fields:
            was, becomes = getattr(before.written, field), getattr(after.written, field)
            if was != becomes:
                yield from self.of_value(
                    before.origin.at(field), after.origin.at(field), field, becomes
                )

    def of_protection(self, before: Protection, after: Protection, *fields: str) -> Iterator[Cause]:
        """The same for fields of the policy's spec, as they are written: ``paused``."""
        for field in fields:
            was, becomes = before.spec.at(field), after.spec.at(field)
            if was.written != becomes.written:
                yield from self.of_value(was, becomes, field, becomes.written)

    def of_rest(self, protection: Protection) -> Iterator[Cause]:
        """What keeps the backups of a volume from running."""
        if protection.paused:
            yield self._new(protection.spec.at("paused"), "paused: true")
        for session in protection.sessions:
            if session.suspend:
                yield self._new(session.origin.at("suspend"), "suspend: true")

    def of_time_zone(self, before: Protection, after: Protection) -> Iterator[Cause]:
        """The policy's time zone, or the cluster's where the policy has none."""
        yield from self.of_protection(before, after, "timeZone")
        old = self._before.at_cluster(before.cluster.id, "timeZone")
        new = self._after.at_cluster(after.cluster.id, "timeZone")
        if old is None or new is None or after.spec.at("timeZone").is_written:
            return
        if before.cluster.time_zone != after.cluster.time_zone:
            yield from self.of_value(old, new, "timeZone", after.cluster.time_zone)

    def of_copies(
        self, before: Iterable[ResolvedCopy], after: Iterable[ResolvedCopy]
    ) -> Iterator[Cause]:
        """Copies to storages that only one of the two has."""
        old = {one.storage.name: one for one in before}
        new = {one.storage.name: one for one in after}
        for name, copy in new.items():
            if name not in old:
                yield self._new(copy.origin.at("storage"), f"storage: {name}")
        for name, copy in old.items():
            if name not in new:
                yield self._old(copy.origin.at("storage"), f"storage: {name}")

    def of_retention(self, before: ResolvedCopy, after: ResolvedCopy) -> Iterator[Cause]:
        """The counts that differ."""
        was, becomes = before.retention_origin.written, after.retention_origin.written
        if not isinstance(was, dict) or not isinstance(becomes, dict):
            yield self._new(after.retention_origin, _text("retention", becomes))
            return
        for name in sorted({*was, *becomes}):
            if was.get(name) != becomes.get(name):
                origins = before.retention_origin.at(name), after.retention_origin.at(name)
                yield from self.of_value(*origins, name, becomes.get(name))

    def of_value(self, before: Origin, after: Origin, field: str, value: object) -> Iterator[Cause]:
        """The new line; the old one if there is no new one; nothing for a default on both sides."""
        if after.is_written:
            yield self._new(after, _text(field, value))
        elif before.is_written:
            yield self._old(before, _text(field, before.written))

    def of_storage(self, before: ResolvedCopy, after: ResolvedCopy) -> Iterator[Cause]:
        """Why the copies of a session are elsewhere: another storage, or the same one moved."""
        names = before.storage.name, after.storage.name
        if names[0] != names[1]:
            origins = before.origin.at("storage"), after.origin.at("storage")
            yield from self.of_value(*origins, "storage", names[1])
            return
        old, new = self._before.storages.get(names[0]), self._after.storages.get(names[1])
        if old is None or new is None:
            return
        provider = new.value.spec.backend.provider
        for path in (("namespace",), ("backend", provider)):
            origins = old.at("spec", *path), new.at("spec", *path)
            was, becomes = origins[0].written, origins[1].written
            if isinstance(was, dict) and isinstance(becomes, dict):
                for name in [
                    name for name in {**was, **becomes} if was.get(name) != becomes.get(name)
                ]:
                    yield from self.of_value(
                        origins[0].at(name), origins[1].at(name), name, becomes.get(name)
                    )
            elif was != becomes:
                yield from self.of_value(*origins, path[-1], becomes)

    def of_policy(self, protection: Protection) -> Cause:
        """What selects a volume: an annotation of its claim, or the policy's selector."""
        asked = protection.volume.annotations.get(POLICY_ANNOTATION)
        if asked is not None:
            return self._new(asked.origin, f"{POLICY_ANNOTATION}: {asked.value}")
        select = protection.spec.at("select")
        if select.is_written:
            return self._new(select, f"select of policy {protection.policy}")
        text = f"policy {protection.policy}, asked for by {POLICY_ANNOTATION} of the namespace"
        return self._new(protection.spec, text)

    def _new(self, origin: Origin, text: str) -> Cause:
        return Cause(self._after.shown(origin.position), text)

    def _old(self, origin: Origin, text: str) -> Cause:
        return Cause(self._before.shown(origin.position), text, is_removed=True)


def _text(field: str, value: object) -> str:
    if isinstance(value, Model):
        value = value.to_wire()
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=list)
    if len(text) > _LONGEST:
        text = f"{text[: _LONGEST - 3]}..."
    return f"{field}: {text}"
