"""No secret value belongs into git: a Secret with readable data is refused wherever it is found."""

from collections.abc import Iterator

from stashgen.diagnostics import Finding
from stashgen.validate.walk import Code, Keys, error
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_BLOCKS = ("data", "stringData")


def secret_findings(document: Document) -> Iterator[Finding]:
    """A finding at each Secret of a document, also inside a List; the values are not shown.

    Values that are encrypted (SOPS) or placeholders (``${NAME}``) are no plaintext.
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
                    what="a Secret with its data in plain text",
                    why="whoever can read the git repository can read it, for ever",
                    fix="remove it, change the secret, and let a secret manager, SOPS or a sealed "
                    "secret bring it into the cluster",
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
