"""No secret value belongs in Git: a Secret with readable data is rejected wherever it is found."""

from collections.abc import Iterator

from stashgen.diagnostics import Finding
from stashgen.validate.walk import Code, Keys, error
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_BLOCKS = ("data", "stringData")


def secret_findings(document: Document) -> Iterator[Finding]:
    """A finding for each Secret of a document, even inside a List; the values are not shown.

    Encrypted values (SOPS) and placeholders (``${NAME}``) are not plain text.
    """
    for keys, node in _objects(document.data, ()):
        if node.get("kind") != "Secret":
            continue
        for block in _BLOCKS:
            values = node.get(block)
            if isinstance(values, dict) and any(
                _is_plain(value, encrypted=isinstance(node.get("sops"), dict))
                for value in values.values()
            ):
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


def _objects(data: dict[str, Json], keys: Keys) -> Iterator[tuple[Keys, dict[str, Json]]]:
    yield keys, data
    items = data.get("items")
    if isinstance(items, list) and str(data.get("kind")).endswith("List"):
        for index, item in enumerate(items):
            if isinstance(item, dict):
                yield from _objects(item, (*keys, "items", index))


def _is_plain(value: Json, *, encrypted: bool) -> bool:
    if value is None or value == "":
        return False
    if not isinstance(value, str):
        return True
    is_placeholder = value.startswith("${") and value.endswith("}") and value.count("}") == 1
    return not (is_placeholder or (encrypted and value.startswith("ENC[")))
