"""The ConfigMaps and Secrets in Git that Flux fills texts in from."""

from stashgen.inventory.objects import Object, map_at

_ENCRYPTED = "ENC["


class Settings:
    """The keys of ConfigMaps and Secrets, and the values that may be known."""

    def __init__(self) -> None:
        # By kind, namespace and name: the values, None for one that is secret.
        self._known: dict[tuple[str, str, str], dict[str, str | None]] = {}

    def add(self, item: Object) -> None:
        """Take an object; nothing happens if it is neither."""
        if item.group or item.kind not in {"ConfigMap", "Secret"}:
            return
        written = {**map_at(item.data, "data"), **map_at(item.data, "stringData")}
        is_secret = item.kind == "Secret"
        self._known[item.kind, item.namespace or "", item.name] = {
            key: None
            if is_secret or not isinstance(value, str) or value.startswith(_ENCRYPTED)
            else value
            for key, value in written.items()
        }

    def has(self, kind: str, namespace: str, name: str) -> bool:
        """Whether one is in Git."""
        return (kind, namespace, name) in self._known

    def values(self, kind: str, namespace: str, name: str) -> dict[str, str | None] | None:
        """Its values by key, None for a secret one; None if it is not in Git."""
        return self._known.get((kind, namespace, name))
