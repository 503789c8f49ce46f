"""``stashgen explain secrets`` as text: a paragraph for each Secret and role, by their names."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from itertools import groupby

from stashgen.diagnostics import Position
from stashgen.kubestash.verbs import Template
from stashgen.policy.project import Cluster
from stashgen.report.roles import Roles
from stashgen.report.secrets import RequiredSecret, Secrets

_ORDER = (Template.INIT_STORAGE, Template.BACKUP, Template.RESTORE, Template.MAINTAIN)
_NO_SOURCE = "nothing in Git creates it: it must exist in the namespace"
_KEY_LOST = (
    "the key must outlive the cluster, or no backup can be restored: keep a copy elsewhere, or "
    "take it from a store"
)
_SEALED = (
    "it opens with a key that is in the cluster: keep a copy of the sealing key elsewhere, or no "
    "backup can be restored"
)


def explain_secrets(
    clusters: Iterable[Cluster],
    secrets: Secrets,
    roles: Roles,
    show: Callable[[Position], str] = str,
) -> Iterator[str]:
    """The lines.

    Args:
        clusters: The project's.
        secrets: What is needed where.
        roles: What pods have in place of a Secret.
        show: A place in a file as the reader finds it.
    """
    ids = {cluster.name: cluster.id for cluster in clusters}
    number = warnings = 0
    for cluster, places in groupby(secrets.items(), key=lambda item: item[0][0]):
        yield f"cluster {cluster}" + (f" ({ids[cluster]})" if cluster in ids else "")
        for place, found in places:
            yield f"  namespace {place[1]}"
            for secret in found:
                number += 1
                warnings += _warning(secret) is not None
                yield f"    {secret.name}"
                yield from (f"      {line}" for line in _lines(secret, show))
            for role in roles.get(place, ()):
                yield f"    {role.arn} (a role, no Secret)"
                yield f"      for:     {'; '.join(_users(role.assumed_by))}"
                yield f"      trusts:  {', '.join(sorted(role.subjects))}; audience {role.audience}"
    counted = f"{number} Secret" + ("" if number == 1 else "s")
    yield counted + (f", {warnings} warning" + ("" if warnings == 1 else "s") if warnings else "")


def _lines(secret: RequiredSecret, show: Callable[[Position], str]) -> Iterator[str]:
    optional = f"; optional {', '.join(secret.optional_keys)}" if secret.optional_keys else ""
    yield f"keys:    {', '.join(secret.keys)}{optional}"
    yield f"for:     {'; '.join(_users(secret.mounted_by))}"
    source = secret.source
    if source is None:
        yield f"source:  {_NO_SOURCE}"
    else:
        where = f" ({show(source.position)})" if source.position is not None else ""
        yield f"source:  {source.text}{where}"
    warning = _warning(secret)
    if warning is not None:
        yield f"warning: {warning}"


def _users(pods_by_owner: Mapping[str, Set[str]]) -> Iterator[str]:
    """Whose pods: those of the same kinds together."""
    grouped: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for whose, kinds in sorted(pods_by_owner.items()):
        grouped[tuple(sorted(kinds, key=_order))].append(whose)
    for pods, owners in sorted(grouped.items(), key=lambda item: item[1]):
        yield f"{', '.join(pods)} of {', '.join(owners)}"


def _order(pod: str) -> tuple[int, str]:
    """Those of a storage first, then as a volume needs them."""
    return (_ORDER.index(Template(pod)) if pod in set(Template) else len(_ORDER), pod)


def _warning(secret: RequiredSecret) -> str | None:
    if not secret.is_key or (secret.source is not None and secret.source.survives):
        return None
    return _KEY_LOST if secret.source is None else _SEALED
