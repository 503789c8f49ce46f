"""init-storage: write ``metadata.yaml`` to a storage, once."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from stashgen import __version__
from stashgen.api.base import JsonObject, format_time
from stashgen.kubestash import layout
from stashgen.yaml import emitter
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker.run import RunContext
from stashgen_controller.worker.status_reporter import Reporter
from stashgen_controller.worker.storage.base import StorageError
from stashgen_controller.worker.verbs import Work


def add_arguments(parser: ArgumentParser) -> None:
    """None: it is about the storage alone."""
    del parser


def subject(plan: RunSpec) -> Mapping[str, str]:
    """Nothing but the storage, which the command line says."""
    del plan
    return {}


def prepare(args: Namespace, reporter: Reporter) -> Work:
    """Initialise the storage."""
    del args, reporter
    return Work(init_storage)


def init_storage(run: RunContext) -> None:
    """Check that create-only writes work, and write the storage's metadata if there is none.

    The ledger of restores and the record of writers depend on writes that never replace a file.
    A storage that has its metadata is good for restores, even if our keys may only read it.

    Raises:
        StorageError: the storage cannot be used.
    """
    metadata: JsonObject = {
        "apiVersion": "config.kubestash.com/v1alpha1",
        "kind": "BackendMeta",
        "metadata": {"creationTimestamp": format_time(run.now())},
        "version": __version__,
        "repositories": [],
    }
    probe = layout.create_only_file("")
    try:
        run.bucket.require_create_only(probe)
    except StorageError as error:
        if error.reason is not ErrorClass.ACCESS_DENIED:
            raise
        _require_metadata(run, error)
        run.read_only = True
    else:
        run.bucket.delete(probe)
        run.bucket.create(layout.METADATA, emitter.emit(metadata).encode())
    run.uploaded = True


def _require_metadata(run: RunContext, denied: StorageError) -> None:
    """See that somebody who may write has been here before.

    Raises:
        StorageError: nobody has, or we may not even read.
    """
    if run.bucket.read(layout.METADATA) is None:
        msg = f"{denied}: the storage was never initialised, which takes keys that may write"
        raise StorageError(ErrorClass.ACCESS_DENIED, msg)
