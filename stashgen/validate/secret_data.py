"""No secret value belongs in Git: a Secret with readable data is reported wherever it is found.

In the project's own folders it is an error. An inventory is somebody else's, and its files are not
ours to judge: there it is one warning for all of them.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from stashgen.diagnostics import Finding, Position, Severity
from stashgen.validate.walk import Code, Keys, error
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_BLOCKS = ("data", "stringData")
_MOST_RELATED = 10
# What another tool fills in: Flux and envsubst, templates, 1Password, vals, Vault's webhook and the
# Argo CD Vault plugin, whose <key> is a value of its own.
_PLACEHOLDER = re.compile(
    r"\$\{[^{}]+\}|\{\{.*?\}\}|op://\S+|ref\+\w+://\S+|\bvault:\S+|<path:[^<>]+>", re.DOTALL
)
_KEY = re.compile(r"<[\w.-]+>")
# In an address beside placeholders: postgres://${USER}:hunter2@db.
_PASSWORD = re.compile(r":[^\s:/@]+@")
_ENCRYPTED = "ENC["


def secret_findings(document: Document) -> Iterator[Finding]:
    """An error for each Secret of a document, even inside a List; the values are not shown.

    Encrypted values (SOPS) and placeholders (``${NAME}``) are not plain text.
    """
    for keys, node in _secrets(document):
        for block in _plain_blocks(node, is_whole=True):
            yield error(
                Code.PLAIN_SECRET,
                document,
                (*keys, block),
                at_key=True,
                what="a Secret with plain-text data",
                why="anyone who can read the Git repository or its history can read it",
                fix="remove it, rotate the secret, and bring it into the cluster with a secret "
                "manager, SOPS or a sealed secret",
            )


def inventory_secret_findings(documents: Iterable[Document]) -> Iterator[Finding]:
    """One warning for all Secrets of the inventories, at the first of them.

    A value with a placeholder anywhere in it counts as one: what surrounds it is an address, unless
    that has a password.
    """
    found: dict[Position, Finding] = {}
    for document in documents:
        for keys, node in _secrets(document):
            for block in _plain_blocks(node, is_whole=False):
                one = error(
                    Code.PLAIN_SECRET,
                    document,
                    (*keys, block),
                    at_key=True,
                    what="a Secret with plain-text data",
                    why="anyone who can read the Git repository or its history can read it",
                    fix="rotate it, and let a secret manager, SOPS or a sealed secret bring it",
                )
                found.setdefault(one.position, one)
    if found:
        first, *others = sorted(found)
        yield replace(
            found[first],
            severity=Severity.WARNING,
            what=f"{len(found)} Secrets of the inventory have plain-text data"
            if others
            else "a Secret of the inventory has plain-text data",
            related=tuple(others[:_MOST_RELATED]),
        )


def _plain_blocks(node: Mapping[str, Json], *, is_whole: bool) -> Iterator[str]:
    for block in _BLOCKS:
        values = node.get(block)
        if isinstance(values, dict) and any(
            _is_plain(
                value,
                encrypted=isinstance(node.get("sops"), dict),
                encoded=block == "data",
                is_whole=is_whole,
            )
            for value in values.values()
        ):
            yield block


def _secrets(document: Document) -> Iterator[tuple[Keys, dict[str, Json]]]:
    for keys, node in _objects(document.data, ()):
        if node.get("kind") == "Secret":
            yield keys, node


def _objects(data: dict[str, Json], keys: Keys) -> Iterator[tuple[Keys, dict[str, Json]]]:
    yield keys, data
    items = data.get("items")
    if isinstance(items, list) and str(data.get("kind")).endswith("List"):
        for index, item in enumerate(items):
            if isinstance(item, dict):
                yield from _objects(item, (*keys, "items", index))


def _is_plain(value: Json, *, encrypted: bool, encoded: bool, is_whole: bool) -> bool:
    """Whether a value can be read by anyone.

    Args:
        value: The value.
        encrypted: SOPS encrypted the object.
        encoded: The value may be base64.
        is_whole: A placeholder has to be the whole value.
    """
    if value is None or value == "":
        return False
    if not isinstance(value, str):
        return True
    if encrypted and value.startswith(_ENCRYPTED):
        return False
    texts = (value, *_decoded(value, encoded=encoded))
    return not any(_is_filled_in(text, is_whole=is_whole) for text in texts)


def _is_filled_in(text: str, *, is_whole: bool) -> bool:
    if is_whole or _PLACEHOLDER.search(text) is None:
        return bool(_PLACEHOLDER.fullmatch(text) or _KEY.fullmatch(text))
    return _PASSWORD.search(_PLACEHOLDER.sub("", text)) is None


def _decoded(value: str, *, encoded: bool) -> Iterator[str]:
    if encoded:
        try:
            yield base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            return
