"""The Secrets that must exist: their keys, who mounts them, and where they come from.

Read from the rendered objects, so that nothing is missing that a pod mounts, retired histories
included.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import cast

from stashgen.api.base import JsonObject, list_of, mapping_of, name_of
from stashgen.kubestash.backends import BACKENDS
from stashgen.kubestash.backends.s3 import CREDENTIALS_VOLUME
from stashgen.kubestash.paths import ENCRYPTION_KEY
from stashgen.kubestash.verbs import TRIGGER, Template
from stashgen.model.manifest import Manifest
from stashgen.model.secret_source import SecretSource, SecretSources, source_of
from stashgen.policy.project import Cluster

# The key of a Secret of type kubernetes.io/dockerconfigjson.
_PULL_KEY = ".dockerconfigjson"


@dataclass(slots=True)
class RequiredSecret:
    """A Secret that pods of a namespace need.

    Attributes:
        keys: What the pods read.
        optional_keys: What they read where it is there.
        mounted_by: The kinds of pods, by whose they are: ``storage s3``, ``volume data``.
        is_key: It has the key of restic repositories, without which nothing can be restored.
        source: What brings it; None where nothing in Git does.
    """

    name: str
    keys: tuple[str, ...] = ()
    optional_keys: tuple[str, ...] = ()
    mounted_by: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    is_key: bool = False
    source: SecretSource | None = None


Secrets = Mapping[tuple[str, str], tuple[RequiredSecret, ...]]


def required_secrets(
    clusters: Iterable[Cluster], manifests: Iterable[Manifest], sources: SecretSources
) -> Secrets:
    """The Secrets by cluster name and namespace; all sorted by name.

    Args:
        clusters: The project's.
        manifests: Everything that is rendered.
        sources: What the inventories bring, by cluster id, namespace and Secret.
    """
    found: dict[tuple[str, str], dict[str, RequiredSecret]] = defaultdict(dict)
    ids = {cluster.name: cluster.id for cluster in clusters}
    listed = tuple(manifests)
    for manifest in listed:
        place = place_of(manifest.path)
        for name, whose, pod in _uses(manifest):
            secret = found[place].setdefault(name, RequiredSecret(name))
            secret.mounted_by[whose].add(pod)
    for manifest in listed:
        secrets = found[place_of(manifest.path)]
        for name, keys, optional in _keys(manifest.data):
            if name in secrets:
                secrets[name].keys = _added(secrets[name].keys, keys)
                secrets[name].optional_keys = _added(secrets[name].optional_keys, optional)
                secrets[name].is_key |= ENCRYPTION_KEY in keys
        source = _rendered_source(manifest.data)
        if source is not None and source.secret in secrets:
            secrets[source.secret].source = source
    for (cluster, namespace), secrets in found.items():
        for name, secret in secrets.items():
            if secret.source is None:
                # A folder of a cluster that the project no longer has is named as it was.
                secret.source = source_of(sources, ids.get(cluster, ""), namespace, name)
    return {
        place: tuple(secret for _, secret in sorted(secrets.items()))
        for place, secrets in sorted(found.items())
        if secrets
    }


def place_of(path: PurePosixPath) -> tuple[str, str]:
    """The names of the folders: cluster and namespace."""
    return path.parts[0], path.parent.name


def _added(known: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *more)))


def _keys(data: JsonObject) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """The Secrets that an object names, with the keys that are read there."""
    match data["kind"]:
        case "Repository":
            secret = mapping_of(mapping_of(data, "spec"), "encryptionSecret")
            yield str(secret.get("name")), (ENCRYPTION_KEY,), ()
        case "PodTemplate" | "CronJob":
            spec = _pod(data)
            yield from _credentials(spec)
            for name in _pull_secrets(spec):
                yield name, (_PULL_KEY,), ()
        case _:
            pass


def _credentials(spec: JsonObject) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """The Secret with which a worker reaches its storage; not every pod has the same one."""
    args = [arg for one in list_of(spec, "containers") for arg in cast("list[str]", one["args"])]
    backends = [
        backend
        for backend in BACKENDS.values()
        if any(arg.startswith(f"--storage={backend.url_prefix}") for arg in args)
    ]
    for volume in list_of(spec, "volumes"):
        name = mapping_of(volume, "secret").get("secretName")
        if volume["name"] == CREDENTIALS_VOLUME:
            yield from ((str(name), one.secret_keys, one.optional_secret_keys) for one in backends)


def _rendered_source(data: JsonObject) -> SecretSource | None:
    """The source that a rendered object is; None for other kinds."""
    if data["kind"] != "ExternalSecret":
        return None
    store = mapping_of(mapping_of(data, "spec"), "secretStoreRef")
    text = f"rendered ExternalSecret, from {store.get('kind')} {store.get('name')}"
    return SecretSource(name_of(data), text)


def _uses(manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """The Secrets that an object's pods need, each with whose pods they are, and which."""
    for whose, kind, spec in pods_of(manifest):
        for volume in list_of(spec, "volumes"):
            secret = mapping_of(volume, "secret").get("secretName")
            if isinstance(secret, str):
                yield secret, whose, kind
        for secret in _pull_secrets(spec):
            yield secret, whose, kind


def pods_of(manifest: Manifest) -> Iterator[tuple[str, str, JsonObject]]:
    """Whose the pods of an object are, which ones, and their spec; nothing for other objects."""
    data = manifest.data
    if data["kind"] in {"PodTemplate", "CronJob"}:
        kind = TRIGGER if data["kind"] == "CronJob" else _template(name_of(data))
        yield _whose(manifest, kind), kind, _pod(data)


def _whose(manifest: Manifest, kind: str) -> str:
    record = manifest.record
    if record is None:
        return f"storage {name_of(manifest.data).removeprefix(f'{kind}-')}"
    return f"{'retired ' if record.until is not None else ''}volume {record.volume.name}"


def _template(name: str) -> str:
    """Which template a PodTemplate is, by its name."""
    return next((one.value for one in Template if name.startswith(f"{one.value}-")), name)


def _pod(data: JsonObject) -> JsonObject:
    """The spec of a PodTemplate's or a CronJob's pods."""
    if data["kind"] == "PodTemplate":
        return mapping_of(mapping_of(data, "template"), "spec")
    job = mapping_of(mapping_of(mapping_of(data, "spec"), "jobTemplate"), "spec")
    return mapping_of(mapping_of(job, "template"), "spec")


def _pull_secrets(spec: JsonObject) -> Iterator[str]:
    for item in list_of(spec, "imagePullSecrets"):
        yield cast("str", item["name"])
