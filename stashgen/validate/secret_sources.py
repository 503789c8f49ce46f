"""Where Secrets come from: what belongs to which source, and the keys that a Secret needs."""

from collections.abc import Iterator
from difflib import get_close_matches

from stashgen.diagnostics import Finding, quote
from stashgen.kubestash.backends import BACKENDS
from stashgen.kubestash.paths import ENCRYPTION_KEY
from stashgen.policy.template import SECRET_NAMES, check_template
from stashgen.validate.identities import WITH_ROLE
from stashgen.validate.walk import SETTINGS, Code, Keys, each, error, value_at
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

# A typo's similarity to the key that is meant.
_SIMILAR = 0.8
_ENCRYPTION = {
    "Project": ("spec.defaults.encryption",),
    "BackupPolicy": tuple(
        f"{path}.{field}"
        for path in SETTINGS
        for field in ("encryption", "sessions[*].copies[*].encryption")
    ),
}


def source_findings(document: Document, kind: str) -> Iterator[Finding]:
    """Violations of a document's references to Secrets."""
    for path in _ENCRYPTION.get(kind, ()):
        yield from _sources(document, path, (ENCRYPTION_KEY,), ())
    backend = BACKENDS.get(str(value_at(document, "spec.backend.provider")))
    has_role = value_at(document, "spec.credentials.from") == WITH_ROLE
    if kind == "Storage" and backend is not None and backend.secret_keys and not has_role:
        keys, more = backend.secret_keys, backend.optional_secret_keys
        yield from _sources(document, "spec.credentials", keys, more)
        yield from _of_verbs(document, keys, more)


def _of_verbs(
    document: Document, needed: tuple[str, ...], optional: tuple[str, ...]
) -> Iterator[Finding]:
    """Violations of the Secrets of single verbs, which come from where the storage's comes from."""
    is_external = value_at(document, "spec.credentials.from") == "ExternalSecret"
    for keys, block in each(document, "spec.credentials.perVerb"):
        if isinstance(block, dict):
            yield from _data(document, keys, block, needed, optional, is_external=is_external)


def _sources(
    document: Document, path: str, needed: tuple[str, ...], optional: tuple[str, ...]
) -> Iterator[Finding]:
    for keys, block in each(document, path):
        if not isinstance(block, dict):
            continue
        is_external = block.get("from") == "ExternalSecret"
        yield from _field(document, keys, block, "store", is_external=is_external)
        yield from _data(document, keys, block, needed, optional, is_external=is_external)


def _field(
    document: Document, keys: Keys, block: dict[str, Json], field: str, *, is_external: bool
) -> Iterator[Finding]:
    """A field that an ExternalSecret must have, and nothing else may."""
    if is_external and block.get(field) is None:
        yield _missing(document, keys, field)
    elif not is_external and block.get(field) is not None:
        yield _useless(document, (*keys, field))


def _data(
    document: Document,
    keys: Keys,
    block: dict[str, Json],
    needed: tuple[str, ...],
    optional: tuple[str, ...],
    *,
    is_external: bool,
) -> Iterator[Finding]:
    yield from _field(document, keys, block, "data", is_external=is_external)
    data = block.get("data")
    if isinstance(data, dict):
        yield from _keys(document, (*keys, "data"), list(data), needed, optional)
        yield from _places(document, (*keys, "data"), data)


def _places(document: Document, keys: Keys, data: dict[str, Json]) -> Iterator[Finding]:
    """What is wrong with where the store has the values."""
    texts = (
        ((*keys, name, field), text)
        for name, remote in data.items()
        for field, text in (remote.items() if isinstance(remote, dict) else ())
    )
    for at, text in texts:
        if not isinstance(text, str):
            continue
        try:
            check_template(text, SECRET_NAMES)
        except ValueError as problem:
            yield error(
                Code.TEMPLATE,
                document,
                at,
                what=f"{quote(text)} is not where a store has a value",
                why=str(problem),
                fix='use names such as "{{ namespace }}", which are replaced',
            )
        if not text.strip():
            yield error(
                Code.NOT_ALLOWED,
                document,
                at,
                what=f"{at[-1]} is empty",
                why="it is where the store has the value",
                fix="write the name by which the store knows the value",
            )


def _missing(document: Document, keys: Keys, field: str) -> Finding:
    wanted = {
        "store": "store: {kind: ClusterSecretStore, name: ...}",
        "data": "data: {<key of the Secret>: {key: ..., property: ...}}",
    }
    return error(
        Code.MISSING_FIELD,
        document,
        keys,
        what=f"field {quote(field)} is missing",
        why="an ExternalSecret names the store that it reads, and what it reads there",
        fix=f"add {wanted[field]}",
    )


def _useless(document: Document, keys: Keys) -> Finding:
    return error(
        Code.NOT_ALLOWED,
        document,
        keys,
        at_key=True,
        what=f"{keys[-1]} is set, but the Secret is not from an ExternalSecret",
        why="it would have no effect",
        fix=f"set from: ExternalSecret, or remove {keys[-1]}",
    )


def _keys(
    document: Document,
    keys: Keys,
    written: list[str],
    needed: tuple[str, ...],
    optional: tuple[str, ...],
) -> Iterator[Finding]:
    known = (*needed, *optional)
    close = {key: get_close_matches(key, known, n=1, cutoff=_SIMILAR) for key in written}
    meant = {match for matches in close.values() for match in matches}
    for key in written:
        if key not in known:
            yield error(
                Code.UNKNOWN_FIELD,
                document,
                (*keys, key),
                at_key=True,
                what=f"no worker reads the key {quote(key)} of this Secret",
                why="a key that is ignored would appear to work",
                fix=f"did you mean {quote(close[key][0])}?"
                if close[key]
                else f"use {', '.join(known)}",
            )
    for key in needed:
        if key not in meant:
            yield error(
                Code.MISSING_FIELD,
                document,
                keys,
                what=f"key {quote(key)} is missing",
                why="the workers cannot do without it, so every run would end as SecretMissing",
                fix=f"add {key}: {{key: ...}}",
            )
