"""A volume that is lost with its namespace, and recovered by the commands of docs/restore.md."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from stashgen.api import resources as known
from tests.cluster import installation
from tests.cluster.kube import Kube, KubeError
from tests.cluster.protected import S3_SECRET, Protected
from tests.support.compiled_project import DATA, KEY
from tests.support.gateway import BUCKET, Gateway
from tests.support.readme import commands_below


class Lost:
    """A volume with two backups, of which everything in the cluster is then lost.

    Args:
        kube: The cluster, with the controllers installed.
        gateway: Where the bucket is; it survives.
        namespace: An empty one.
        folder: For the project, which is the Git of this test.
    """

    def __init__(self, kube: Kube, gateway: Gateway, namespace: str, folder: Path) -> None:
        self.kube = kube
        self.namespace = namespace
        self.protected = Protected(kube, gateway, namespace, folder)
        self.protected.prepare()
        installation.write(kube, namespace, "second")
        # As the kubelet does to the files of a volume that it gives to a workload's group.
        installation.run(kube, namespace, "group", DATA, "chmod -R g+rwX /data/*")
        self.protected.back_up()
        self.files = installation.tree(kube, namespace)
        self.snapshots = set(self.protected.names(known.SNAPSHOTS))

    def sync(self) -> None:
        """Apply the same Git and the same Secrets to the new, empty namespace."""
        self.protected.connect()
        for name in (S3_SECRET, KEY):
            self.protected.make_secret(name)
        installation.make_claim(self.kube, self.namespace)
        # The kubelet gives a new volume to the workload's group when the workload mounts it.
        installation.run(self.kube, self.namespace, "write", DATA, "true")
        self.protected.apply(retries=1)

    def recover(self) -> None:
        """Type what the document says; afterwards the volume is as it was, and is backed up."""
        for words in commands_below("docs/restore.md", "A namespace was deleted"):
            meant = {"shop": self.namespace, "library": DATA}
            try:
                self.kube.kubectl(*(meant.get(word, word) for word in words[1:]))
            except KubeError:
                # It reports a finding, which is that a restore is expected.
                if words[1:3] != ["stashgen", "status"]:
                    raise
        found = installation.tree(self.kube, self.namespace).splitlines()
        other = sorted(set(found) ^ set(self.files.splitlines()))
        assert other == [], other
        assert self.snapshots <= set(self.protected.names(known.SNAPSHOTS))
        self.protected.back_up()

    def stored(self) -> Mapping[str, str]:
        """Every file in the bucket but locks, with the digest of what is in it."""
        root = self.protected.gateway.data / BUCKET / self.namespace
        return {
            str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.parent.name != "locks"
        }

    def try_to_back_up(self) -> None:
        """As the old cluster, which has the old volume and knows nothing of the new one."""
        self.protected.connect()
        assert installation.tree(self.kube, self.namespace) == self.files
        for _ in range(2):
            name = self.protected.trigger()
            self.protected.finish(name, "Failed", "Skipped")
            assert "RestoreExpected" in json.dumps(self.protected.told(name))
