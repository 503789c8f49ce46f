"""Conflicts between volumes: names, directories, retention."""

from collections.abc import Iterator

from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.diagnostics import Finding, Outcome, Position, Severity, quote
from stashgen.kubestash.layout import METADATA
from stashgen.model.inventory import VolumeKey
from stashgen.model.resolved import Protection, ResolvedCopy, ResolvedStorage
from stashgen.model.source import Origin, PolicySet
from stashgen.policy.template import DEFAULT_DIRECTORY, DIRECTORY_IN_NAMESPACE
from stashgen.resolve.findings import Code, finding
from stashgen.resolve.runtime_names import names_of
from stashgen.yaml.documents import Document

_NAME_WHY = (
    'names are joined with dashes: volume "db" with session "nightly-full" and volume "db-nightly" '
    "with session \"full\" have the same, and one's backup would pass for the other's"
)


def without_conflicts(
    policies: PolicySet, protections: tuple[Protection, ...]
) -> Outcome[tuple[Protection, ...]]:
    """The protections that do not conflict with an earlier one, and findings about the others."""
    checker = _ConflictChecker(policies)
    for protection in protections:
        checker.check(protection)
    good = tuple(item for item in protections if item.volume.key not in checker.refused)
    return Outcome(good, tuple(checker.findings))


def unused_storages(policies: PolicySet) -> Iterator[Finding]:
    """A warning for each storage that no policy copies to: it is not rendered."""
    used = {
        copy.storage
        for policy in policies.policies
        for block in (policy.value.spec, *(one.settings for one in policy.value.spec.exceptions))
        for session in block.sessions
        for copy in session.copies
    }
    for name in sorted(policies.storages.keys() - used):
        yield finding(
            Code.UNUSED_STORAGE,
            policies.storages[name].at("metadata", "name"),
            f"storage {quote(name)} is not used",
            why="no policy copies to it, so nothing is rendered for it",
            fix="use it in a policy's copies, or delete it",
            severity=Severity.WARNING,
        )


# The outer and the inner one of two storages.
_Nested = tuple[ResolvedStorage, ResolvedStorage] | None


class _ConflictChecker:
    def __init__(self, policies: PolicySet) -> None:
        self.findings: list[Finding] = []
        self.refused: set[VolumeKey] = set()
        self._sessions = {
            policy.value.metadata.name: policy.at("spec", "sessions")
            for policy in policies.policies
        }
        self._written_storages = policies.storages
        self._names: dict[tuple[str, str, str, str], VolumeKey] = {}
        self._places: dict[tuple[str, str, str], tuple[Protection, str]] = {}
        self._retentions: dict[tuple[str, str, str], RetentionPolicySpec] = {}
        self._buckets: dict[str, ResolvedStorage] = {}
        # By the prefixes above: the first storage below each.
        self._inside: dict[str, ResolvedStorage] = {}
        self._nested: dict[tuple[str, str, str], _Nested] = {}
        self._reported: set[tuple[Code, Document, str]] = set()

    def check(self, protection: Protection) -> None:
        """Compare one volume with all earlier ones."""
        key = protection.volume.key
        self._check_names(protection)
        for session in protection.sessions:
            for copy in session.copies:
                self._check_storage(protection, copy)
                self._check_place(protection, copy)
                mine = (key.cluster_id, key.namespace, copy.retention_name)
                if self._retentions.setdefault(mine, copy.retention) != copy.retention:
                    self._refuse_retention(protection, copy)

    def _check_names(self, protection: Protection) -> None:
        key = protection.volume.key
        mine: set[tuple[str, str]] = set()
        for kind, name in names_of(protection):
            owner = self._names.setdefault((key.cluster_id, key.namespace, kind, name), key)
            if owner != key or (kind, name) in mine:
                other = f"volume {quote(f'{owner.namespace}/{owner.name}')}"
                self._refuse(
                    protection,
                    Code.NAME,
                    self._sessions[protection.policy],
                    f"{kind} {quote(name)} would be created for both volume {quote(key.name)} and "
                    f"{other if owner != key else 'another session of it'}",
                    _NAME_WHY,
                    "give one of the sessions another name, such as one without a dash",
                )
                return
            mine.add((kind, name))

    def _check_storage(self, protection: Protection, copy: ResolvedCopy) -> None:
        key, storage = protection.volume.key, copy.storage
        if storage.backend.claim == key.name:
            self._refuse(
                protection,
                Code.STORAGE_ITSELF,
                copy.origin.at("storage"),
                f"volume {quote(f'{key.namespace}/{key.name}')} holds storage "
                f"{quote(storage.name)} itself",
                "a backup into itself grows with every run and is lost together with the volume",
                "add the claim to the policy's select.exclude",
            )
        self._check_bucket(protection, storage)

    def _check_bucket(self, protection: Protection, storage: ResolvedStorage) -> None:
        bucket = storage.backend.bucket
        if bucket is None:
            return
        first = self._buckets.setdefault(storage.backend.place(), storage)
        if first != storage:
            self._refuse(
                protection,
                Code.SAME_BUCKET,
                self._prefix(storage),
                f"storages {quote(first.name)} and {quote(storage.name)} are in the same place: "
                f"{bucket}",
                "they would share one metadata.yaml, and KubeStash rejects the second one",
                'give each its own prefix, for example "{{ cluster.id }}/<storage name>"',
                see=self._prefix(first).position,
            )
        if storage.key not in self._nested:
            self._nested[storage.key] = self._outer_and_inner(storage)
        nested = self._nested[storage.key]
        if nested is not None:
            self._refuse_nested(protection, storage, *nested)

    def _outer_and_inner(self, storage: ResolvedStorage) -> _Nested:
        """A storage and an earlier one of which one is in the prefix of the other."""
        around = tuple(storage.backend.around())
        outer = next((self._buckets[one] for one in around if one in self._buckets), None)
        for one in around:
            self._inside.setdefault(one, storage)
        inner = self._inside.get(storage.backend.place())
        if outer is not None:
            return outer, storage
        return (storage, inner) if inner is not None else None

    def _refuse_nested(
        self,
        protection: Protection,
        storage: ResolvedStorage,
        outer: ResolvedStorage,
        inner: ResolvedStorage,
    ) -> None:
        """Refuse a storage that is in another one's prefix, or around it."""
        other = inner if storage == outer else outer
        self._refuse(
            protection,
            Code.SAME_BUCKET,
            self._prefix(storage),
            f"storage {quote(inner.name)} ({inner.backend.bucket}) is inside storage "
            f"{quote(outer.name)} ({outer.backend.bucket})",
            "a volume's directory in the one may be the other's, keys for the outer prefix reach "
            "both, and whatever deletes what is below it deletes both",
            'give each its own prefix, for example "{{ cluster.id }}/<storage name>"',
            see=self._prefix(other).position,
        )

    def _prefix(self, storage: ResolvedStorage) -> Origin:
        """Where the prefix of a bucket is set."""
        written = self._written_storages[storage.name]
        return written.at("spec", "backend", storage.provider, storage.backend.cluster_field)

    def _check_place(self, protection: Protection, copy: ResolvedCopy) -> None:
        if copy.directory.split("/")[0] == METADATA:
            self._refuse(
                protection,
                Code.SAME_DIRECTORY,
                copy.origin.at("directory"),
                f"directory {quote(copy.directory)} of storage {quote(copy.storage.name)} is the "
                "file in which the storage describes itself",
                "on a volume a path cannot be both a file and a folder",
                "give the volume another directory, in a policy of its own",
            )
            return
        place = copy.storage.place(copy.directory)
        owner, other = self._places.setdefault(place, (protection, copy.repository))
        if (owner.volume.key, other) == (protection.volume.key, copy.repository):
            return
        first = owner.volume.key
        is_everywhere = self._written_storages[copy.storage.name].value.spec.namespace is None
        usual = DIRECTORY_IN_NAMESPACE if is_everywhere else DEFAULT_DIRECTORY
        self._refuse(
            protection,
            Code.SAME_DIRECTORY,
            copy.origin.at("directory"),
            f"directory {quote(copy.directory)} of storage {quote(copy.storage.name)} is already "
            f"used by volume {quote(f'{first.namespace}/{first.name}')}",
            "two repositories in the same place overwrite each other's files and history",
            f"use a directory that contains {quote(usual)}, or another storage",
        )

    def _refuse_retention(self, protection: Protection, copy: ResolvedCopy) -> None:
        self._refuse(
            protection,
            Code.SAME_RETENTION_NAME,
            copy.retention_origin,
            f"two different RetentionPolicies would be named {quote(copy.retention_name)} in "
            f"namespace {quote(protection.volume.key.namespace)}",
            "one of them would decide what is deleted for both",
            "give the project's RetentionPolicy another name",
        )

    def _refuse(
        self,
        protection: Protection,
        code: Code,
        origin: Origin,
        what: str,
        why: str,
        fix: str,
        *,
        see: Position | None = None,
    ) -> None:
        """Leave a volume out, reported once per document; ``see`` defaults to the volume."""
        self.refused.add(protection.volume.key)
        key = (code, origin.document, what)
        if key not in self._reported:
            self._reported.add(key)
            related = (see or protection.volume.position,)
            self.findings.append(finding(code, origin, what, why=why, fix=fix, related=related))
