"""Whether each Secret of a namespace has one source: two would overwrite each other's values."""

from collections.abc import Iterable, Iterator, Mapping

from stashgen.diagnostics import Finding, Outcome, Position, quote
from stashgen.kubestash.verbs import Verb
from stashgen.model.inventory import VolumeKey
from stashgen.model.resolved import Protection
from stashgen.model.secret_source import SecretSources
from stashgen.model.source import Origin
from stashgen.policy.shared import SecretReference
from stashgen.resolve.findings import Code, finding

# The store and what is read there; None for a Secret that somebody creates.
_Source = tuple[object, object] | None
_Named = tuple[SecretReference, Origin]


def with_one_source(protections: tuple[Protection, ...]) -> Outcome[tuple[Protection, ...]]:
    """The protections whose Secrets have the sources that earlier ones gave them.

    The findings are about the others, once for each place that says otherwise.
    """
    known: dict[tuple[str, str, str], tuple[_Source, Origin]] = {}
    refused: set[VolumeKey] = set()
    findings: dict[tuple[str, object], Finding] = {}
    for protection in protections:
        key = protection.volume.key
        for reference, origin in _references(protection):
            source = _source(reference)
            name = reference.secret_name
            first, where = known.setdefault((key.cluster_id, key.namespace, name), (source, origin))
            if first != source:
                refused.add(key)
                found = _finding(name, key.namespace, origin, where.position)
                findings.setdefault((name, origin.position), found)
    good = tuple(item for item in protections if item.volume.key not in refused)
    return Outcome(good, tuple(findings.values()))


def second_sources(
    protections: Iterable[Protection],
    sources: SecretSources,
    external_secrets: Mapping[tuple[str, str, str], Position],
) -> Iterator[Finding]:
    """An error for each Secret that both a rendered ExternalSecret and a manifest in Git bring.

    Args:
        protections: What uses Secrets.
        sources: What brings Secrets in Git.
        external_secrets: The ExternalSecrets in Git: none may have a rendered one's name.
    """
    reported = set()
    for protection in protections:
        key = protection.volume.key
        for reference, origin in _references(protection):
            about = (key.cluster_id, key.namespace, reference.secret_name)
            if _source(reference) is None or about in reported:
                continue
            found = sources.get(about)
            anywhere = (key.cluster_id, "", reference.secret_name)
            same_name = external_secrets.get(about) or external_secrets.get(anywhere)
            if found is not None and found.position is not None:
                reported.add(about)
                yield _finding(reference.secret_name, key.namespace, origin, found.position)
            elif same_name is not None:
                reported.add(about)
                yield _same_name(reference.secret_name, key.namespace, origin, same_name)


def _references(protection: Protection) -> Iterator[_Named]:
    for session in protection.sessions:
        for copy in session.copies:
            yield copy.encryption.value, copy.encryption.origin("secretName")
            credentials = copy.storage.credentials
            if credentials is not None:
                if credentials.value.secret is not None:
                    yield credentials.value.secret, credentials.origin("secretName")
                if credentials.value.of_retention is not None:
                    where = credentials.origin("perVerb", Verb.RETAIN)
                    yield credentials.value.of_retention, where


def _source(reference: SecretReference) -> _Source:
    if reference.from_ == "Namespace":
        return None
    return reference.store, reference.data


def _finding(name: str, namespace: str, origin: Origin, where: Position) -> Finding:
    return finding(
        Code.TWO_SOURCES,
        origin,
        f"Secret {quote(name)} of namespace {quote(namespace)} has two sources",
        why="a Secret has one content: the other source would be overwritten, or overwrite it",
        fix="use Secrets of two names, say from: Namespace if something else brings it, or write "
        "the same from, store and data in both places",
        related=(where,),
    )


def _same_name(name: str, namespace: str, origin: Origin, where: Position) -> Finding:
    return finding(
        Code.TWO_SOURCES,
        origin,
        f"ExternalSecret {quote(name)} of namespace {quote(namespace)} would be there twice",
        why="a rendered ExternalSecret has the name of its Secret, and Git has another one of that "
        "name, which brings a Secret of another name or none: applying one replaces the other",
        fix="give the Secret another name in the policy, or rename the other ExternalSecret",
        related=(where,),
    )
