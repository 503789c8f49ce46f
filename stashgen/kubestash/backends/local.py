"""A volume as storage: mounted into every pod, with a sub-path for each cluster."""

import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from stashgen.api import backup_storage as api
from stashgen.api.base import JsonObject
from stashgen.kubestash.backends.backend import Backend, Reach
from stashgen.kubestash.layout import join
from stashgen.kubestash.pods.volume_sources import as_stored

VOLUME = "backend"
_DEFAULT_MOUNT_PATH = "/kubestash-backend"


@dataclass(frozen=True, slots=True)
class Local(Backend):
    """A storage on a volume: ``file://<mount path>``.

    The ``subPath`` is applied by the mount, so it is not part of the address.
    """

    url_prefix: ClassVar[str] = "file://"
    cluster_field: ClassVar[str] = "subPath"
    flag_names: ClassVar[tuple[str, ...]] = ("connections",)

    block: api.LocalBackend

    @classmethod
    def of(cls, storage: api.Backend, annotations: Mapping[str, str]) -> Self | None:
        """The backend of a storage with a block ``local``."""
        del annotations
        return cls(storage.local) if storage.local is not None else None

    @property
    def claim(self) -> str | None:
        """The claim of the volume, if it is one."""
        claim = self.block.persistent_volume_claim
        return claim.claim_name if claim is not None else None

    @property
    def bucket(self) -> str | None:
        """None: it is a volume."""
        return None

    def url(self) -> str:
        """The folder that it is mounted at."""
        return f"{self.url_prefix}{self._mount_path}"

    def flags(self) -> Mapping[str, str]:
        """How many files restic has open there at a time."""
        connections = self.block.max_connections
        return {"connections": str(connections)} if connections else {}

    def volume(self, *, is_root: bool) -> tuple[JsonObject, JsonObject]:
        """The volume itself."""
        del is_root  # The files of a volume have owners of their own.
        mount: JsonObject = {"name": VOLUME, "mountPath": self._mount_path}
        if self.block.sub_path:
            mount["subPath"] = self.block.sub_path
        return {"name": VOLUME, **as_stored(self.block.volume_source)}, mount

    @property
    def reach(self) -> Reach:
        """A claim is one of its namespace, a host's path of the cluster; servers are everyone's."""
        if self.block.host_path is not None:
            return Reach.CLUSTER
        is_own = self.block.persistent_volume_claim or self.block.empty_dir
        return Reach.NAMESPACE if is_own else Reach.EVERYWHERE

    def place(self, directory: str = "") -> str:
        """The volume's source and the path in it; a part of the path may be in the source."""
        sub_path, nfs, host = self.block.sub_path or "", self.block.nfs, self.block.host_path
        where: JsonObject
        if nfs is not None:
            path = _below(nfs.path, sub_path, directory)
            where = {"nfs": {"path": path, "server": nfs.server.lower()}}
        elif host is not None:
            where = {"hostPath": {"path": _below(host.path, sub_path, directory)}}
        else:
            where = {**self._source, "subPath": join(sub_path, directory)}
        return json.dumps(where, sort_keys=True)

    def rendered(self) -> JsonObject:
        """The block with explicit path and sub-path."""
        path = join(self.block.sub_path or "")
        block: JsonObject = {"mountPath": self._mount_path, "subPath": path, **self._source}
        connections = self.block.max_connections
        return block | ({"maxConnections": connections} if connections else {})

    def problems(self) -> Iterator[str]:
        """A pod cannot mount a volume without a source."""
        if not self.block.volume_source:
            yield (
                "spec.storage.local: a volume source is required, for example persistentVolumeClaim"
            )
        if (self.block.max_connections or 0) < 0:
            yield f"spec.storage.local.maxConnections: {self.block.max_connections} is below 0"

    def unsupported(self) -> Mapping[str, str]:
        """Nothing: any volume that a pod can mount is supported."""
        return {}

    @property
    def _mount_path(self) -> str:
        return self.block.mount_path or _DEFAULT_MOUNT_PATH

    @property
    def _source(self) -> JsonObject:
        """KubeStash's schema has ``readOnly`` without omitempty: an operator would add it."""
        source = self.block.volume_source
        claim = source.get("persistentVolumeClaim")
        if isinstance(claim, dict):
            source["persistentVolumeClaim"] = {**claim, "readOnly": claim.get("readOnly", False)}
        return source


def _below(path: str, *parts: str) -> str:
    """A folder below the path of a volume's source."""
    return "/" + join(posixpath.normpath(f"/{path}"), *parts)
