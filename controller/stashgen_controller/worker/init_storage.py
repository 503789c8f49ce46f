"""init-storage: leave ``metadata.yaml`` in a storage, once."""

from stashgen import __version__, yaml_out
from stashgen.api.base import JsonObject, format_time
from stashgen.kubestash import layout
from stashgen_controller.result import ErrorClass
from stashgen_controller.worker.run import Run, RunFailedError

_PROBE = ".stashgen/probe"


def init_storage(run: Run) -> None:
    """Write the storage's metadata if there is none, and see that create-only writes hold.

    The ledger of restores and the record of writers depend on writes that never replace a file.
    """
    metadata: JsonObject = {
        "apiVersion": "config.kubestash.com/v1alpha1",
        "kind": "BackendMeta",
        "metadata": {"creationTimestamp": format_time(run.now())},
        "version": __version__,
        "repositories": [],
    }
    run.bucket.create(layout.METADATA, yaml_out.emit(metadata).encode())
    run.bucket.create(_PROBE, b"1")
    if run.bucket.create(_PROBE, b"2"):
        msg = "the storage replaces a file that exists when asked to create it"
        raise RunFailedError(ErrorClass.INVALID_BUCKET, msg)
    run.bucket.delete(_PROBE)
    run.uploaded = True
