"""Whether each Secret of a namespace has one source: two would overwrite each other's values."""

from collections.abc import Iterator

from stashgen.diagnostics import Finding, Outcome, quote
from stashgen.model.inventory import VolumeKey
from stashgen.model.resolved import Protection
from stashgen.model.source import Origin, PolicySet
from stashgen.policy.shared import SecretReference
from stashgen.resolve.findings import Code, finding

# The store and what is read there; None for a Secret that somebody creates.
_Source = tuple[object, object] | None
_Named = tuple[SecretReference, Origin]


def with_one_source(
    policies: PolicySet, protections: tuple[Protection, ...]
) -> Outcome[tuple[Protection, ...]]:
    """The protections whose Secrets have the sources that earlier ones gave them.

    The findings are about the others, once for each place that says otherwise.
    """
    known: dict[tuple[str, str, str], tuple[_Source, Origin]] = {}
    refused: set[VolumeKey] = set()
    findings: dict[tuple[str, object], Finding] = {}
    for protection in protections:
        key = protection.volume.key
        for reference, origin in _references(policies, protection):
            source = _source(reference)
            name = reference.secret_name
            first, where = known.setdefault((key.cluster_id, key.namespace, name), (source, origin))
            if first != source:
                refused.add(key)
                found = _finding(name, key.namespace, origin, where)
                findings.setdefault((name, origin.position), found)
    good = tuple(item for item in protections if item.volume.key not in refused)
    return Outcome(good, tuple(findings.values()))


def _references(policies: PolicySet, protection: Protection) -> Iterator[_Named]:
    for session in protection.sessions:
        for copy in session.copies:
            yield copy.encryption.value, copy.encryption.origin("secretName")
            if copy.storage.credentials is not None:
                written = policies.storages[copy.storage.name]
                yield copy.storage.credentials, written.at("spec", "credentials", "secretName")


def _source(reference: SecretReference) -> _Source:
    if reference.from_ == "Namespace":
        return None
    return reference.store, reference.data


def _finding(name: str, namespace: str, origin: Origin, where: Origin) -> Finding:
    return finding(
        Code.TWO_SOURCES,
        origin,
        f"Secret {quote(name)} of namespace {quote(namespace)} has two sources",
        why="a Secret has one content: the other source would be overwritten, or overwrite it",
        fix="write the same from, store and data in both places, or use Secrets of two names",
        related=(where.position,),
    )
