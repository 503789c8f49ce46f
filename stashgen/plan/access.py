"""Who may read or delete the copies: the Secrets that pods have, and their source; their roles."""

from collections.abc import Iterator

from stashgen.model.resolved import ResolvedCopy
from stashgen.plan.plan import Access
from stashgen.plan.state import State
from stashgen.policy.shared import SecretReference
from stashgen.policy.storage import Credentials
from stashgen.policy.template import cluster_values, fill

_Secrets = dict[tuple[str, str], set[str]]


def access_changes(before: State, after: State) -> tuple[Access, ...]:
    """What differs, by cluster and namespace; sorted. Of a namespace without backups, nothing."""
    old, new = _secrets(before), _secrets(after)
    places = {place for place, _ in new}
    return tuple(
        Access(place, what, _joined(old.get((place, what))), _joined(new.get((place, what))))
        for place, what in sorted({*old, *new})
        if place in places and old.get((place, what)) != new.get((place, what))
    )


def _joined(texts: set[str] | None) -> str:
    return ", ".join(sorted(texts or ()))


def _secrets(state: State) -> _Secrets:
    """Secrets by place and by what they are for."""
    found: _Secrets = {}
    for protection in state.protections.values():
        place = f"{protection.cluster.name}/{protection.volume.key.namespace}"
        for session in protection.sessions:
            for copy in session.copies:
                for what, text in _of_copy(copy):
                    found.setdefault((place, what), set()).add(text)
    return found


def _of_copy(copy: ResolvedCopy) -> Iterator[tuple[str, str]]:
    name = copy.storage.name
    yield f"{name}: restore points can be read with", _source(copy.encryption.value)
    merged = copy.storage.credentials
    if merged is None:
        return
    credentials: Credentials = merged.value
    own = credentials.per_verb.retain if credentials.per_verb is not None else None
    if credentials.role_arn is not None:
        used, deleting = _role(credentials.role_arn, copy), _role(own or credentials.role_arn, copy)
    else:
        used = _source(credentials.secret) if credentials.secret is not None else ""
        deleting = _source(credentials.of_retention) if credentials.of_retention else used
    yield f"{name}: pods that back up and restore have", used
    yield f"{name}: pods that delete backups have", deleting


def _role(arn: str, copy: ResolvedCopy) -> str:
    storage = copy.storage
    names = cluster_values(storage.cluster) | {"namespace": storage.namespace}
    return f"role {fill(arn, names)}"


def _source(secret: SecretReference) -> str:
    """``Secret backup-s3 from ClusterSecretStore vault (AWS_ACCESS_KEY_ID: backup/s3 id)``."""
    text = f"Secret {secret.secret_name}"
    if secret.store is not None:
        text += f" from {secret.store.kind} {secret.store.name}"
    if secret.data:
        data = {name: value.to_wire() for name, value in secret.data.items()}
        keys = (f"{name}: {' '.join(map(str, value.values()))}" for name, value in data.items())
        text += f" ({', '.join(keys)})"
    return text
