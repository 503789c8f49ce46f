"""What policies inherit: cycles, and whether each has everything that it needs.

A policy with ``extends`` may leave out what a policy above it has; what all of them leave out is
reported where the most specific one would say it.
"""

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from stashgen.diagnostics import Finding, quote
from stashgen.validate.keep import inherited_keep_findings
from stashgen.validate.walk import Code, Keys, each, error, texts, value_at
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_WHEN = ("every", "schedule")
_Session = tuple[Document, Keys, Mapping[str, Json]]
# Where settings are: in a policy's spec, or in an exception.
_Block = tuple[Document, Keys]


def inheritance_findings(project: Document, policies: Sequence[Document]) -> Iterator[Finding]:
    """The findings about ``extends``, and about policies that are not complete."""
    named = _by_name(policies)
    extended = {base for policy in policies if (base := _base(policy)) is not None}
    offered = {name for policy in policies for _, name in texts(policy, "spec.delegate.policy[*]")}
    for policy in policies:
        chain, is_cycle = _chain(policy, named)
        if is_cycle:
            # Once, at the first of them by name.
            if min(chain, key=lambda one: _name(one) or "") is policy:
                yield _cycle(policy, chain)
            continue
        last = _base(chain[-1])
        if last is not None and last not in named:
            continue  # Reported as a reference; what it would have is not known.
        is_meant = value_at(policy, "spec.select") is not None
        is_meant = is_meant or _name(policy) in offered
        is_used = is_meant or _name(policy) not in extended
        if is_used and isinstance(value_at(policy, "spec"), dict):
            blocks = [(one, ("spec",)) for one in chain]
            yield from _incomplete(project, blocks)
            for keys, _ in each(policy, "spec.exceptions[*].set"):
                yield from _incomplete(project, [(policy, keys), *blocks])
            yield from () if is_meant else _no_select(policy)


def _by_name(policies: Sequence[Document]) -> dict[str, Document]:
    """The first policy of each name; a second one is an error anyway."""
    found: dict[str, Document] = {}
    for policy in policies:
        name = _name(policy)
        if name is not None:
            found.setdefault(name, policy)
    return found


def _name(policy: Document) -> str | None:
    name = value_at(policy, "metadata.name")
    return name if isinstance(name, str) else None


def _base(policy: Document) -> str | None:
    base = value_at(policy, "spec.extends")
    return base if isinstance(base, str) else None


def _chain(policy: Document, named: Mapping[str, Document]) -> tuple[list[Document], bool]:
    """A policy and those above it, nearest first; and whether one of them extends the policy."""
    chain, seen = [policy], {id(policy)}
    while (base := _base(chain[-1])) is not None and (above := named.get(base)) is not None:
        if id(above) in seen:
            return chain, above is policy
        chain.append(above)
        seen.add(id(above))
    return chain, False


def _cycle(policy: Document, chain: Sequence[Document]) -> Finding:
    names = [quote(_name(one) or "") for one in (*chain, policy)]
    return error(
        Code.EXTENDS_ITSELF,
        policy,
        ("spec", "extends"),
        what=f"policy {names[0]} extends itself: {' -> '.join(names)}",
        why="settings are taken from the policy above, so one of them must be the last",
        fix="remove extends from one of them",
        related=tuple(one.position("spec", "extends") for one in chain[1:]),
    )


def _no_select(policy: Document) -> Iterator[Finding]:
    spec = value_at(policy, "spec")
    fields = [str(field).lower() for field in spec] if isinstance(spec, dict) else []
    # A misspelt field is not also reported as missing.
    if get_close_matches("select", fields):
        return
    yield error(
        Code.MISSING_FIELD,
        policy,
        ("spec",),
        what='field "select" is missing',
        why="no other policy extends this one, so it would protect nothing",
        fix="set select, or extend this policy in another one",
    )


def _incomplete(project: Document, blocks: Sequence[_Block]) -> Iterator[Finding]:
    """What the sessions of the first block lack; or those of all, if it is a policy's own."""
    of_policy = blocks[0][1] == ("spec",)
    if of_policy and all(_at(*block, "sessions") is None for block in blocks):
        yield _missing(*blocks[0], "sessions")
        return
    general = [value_at(project, "spec.defaults.encryption")]
    general += [_at(*block, "encryption") for block in blocks]
    has_key = any(block is not None for block in general)
    sessions = list(_sessions(blocks))
    for parts in sessions:
        document, keys, session = parts[0]
        if not of_policy and keys[: len(blocks[0][1])] != blocks[0][1]:
            continue
        if not any(part.get(field) is not None for _, _, part in parts for field in _WHEN):
            choice = " or ".join(_WHEN)
            yield error(
                Code.EXACTLY_ONE,
                document,
                keys,
                what=f"{choice} is missing",
                why="exactly one of them is required",
                fix=f"set {choice}",
            )
        having = [part for part in parts if part[2].get("copies") is not None]
        if not having:
            others = [str(one[0][2].get("name")) for one in sessions if one is not parts]
            near = get_close_matches(str(session.get("name")), others, n=1)
            meant = f"; or did you mean session {quote(near[0])}?" if near else ""
            yield _missing(document, keys, "copies", meant)
            continue
        if not has_key:
            yield from _without_key(*having[0])
        runs = [part for part in parts if any(part[2].get(field) is not None for field in _WHEN)]
        if runs and runs[0] is not having[0]:
            yield from inherited_keep_findings(*having[0], runs[0][2])


def _sessions(blocks: Sequence[_Block]) -> Iterator[list[_Session]]:
    """What each session is merged of, the most specific part first."""
    named: dict[str, list[_Session]] = {}
    for document, keys in blocks:
        sessions = _at(document, keys, "sessions")
        for index, session in enumerate(sessions if isinstance(sessions, list) else ()):
            if not isinstance(session, dict):
                continue
            part: _Session = (document, (*keys, "sessions", index), session)
            name = session.get("name")
            others = named.setdefault(name, []) if isinstance(name, str) else None
            if others is None or any((one, at[:-2]) == (document, keys) for one, at, _ in others):
                yield [part]  # It has no name of its own, which is reported elsewhere.
            else:
                others.append(part)
    yield from named.values()


def _at(document: Document, keys: Keys, field: str) -> Json:
    """A field of the map at ``keys``; None if there is none."""
    node: Json = document.data
    for key in (*keys, field):
        if isinstance(node, dict) and isinstance(key, str):
            node = node.get(key)
        elif isinstance(node, list) and isinstance(key, int):
            node = node[key]
        else:
            return None
    return node


def _missing(document: Document, keys: Keys, field: str, meant: str = "") -> Finding:
    return error(
        Code.MISSING_FIELD,
        document,
        keys,
        what=f"field {quote(field)} is missing",
        why="no default would be right for everyone",
        fix=f"set {field}{meant}",
    )


def _without_key(document: Document, keys: Keys, session: Mapping[str, Json]) -> Iterator[Finding]:
    copies = session["copies"]
    for index, copy in enumerate(copies if isinstance(copies, list) else ()):
        if isinstance(copy, dict) and copy.get("encryption") is None:
            yield error(
                Code.NO_KEY,
                document,
                (*keys, "copies", index),
                what="this copy has no encryption key",
                why="a restic repository is always encrypted; its key is in a Secret in the "
                "volume's namespace",
                fix="set encryption: {secretName: ...} here, in the policy, or in the project's "
                "defaults",
            )
