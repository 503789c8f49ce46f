"""init-storage: write ``metadata.yaml`` to a storage, once."""

import secrets
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping

from stashgen import __version__
from stashgen.api.base import JsonObject, format_time
from stashgen.kubestash import layout
from stashgen.yaml import emitter
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.worker.run import RunContext, RunFailedError
from stashgen_controller.worker.status_reporter import Reporter
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
    """Write the storage's metadata if there is none, and check that create-only writes work.

    The ledger of restores and the record of writers depend on writes that never replace a file.

    Raises:
        RunFailedError, StorageError: the storage cannot be used.
    """
    metadata: JsonObject = {
        "apiVersion": "config.kubestash.com/v1alpha1",
        "kind": "BackendMeta",
        "metadata": {"creationTimestamp": format_time(run.now())},
        "version": __version__,
        "repositories": [],
    }
    run.bucket.create(layout.METADATA, emitter.emit(metadata).encode())
    probe = layout.join(".stashgen", f"probe-{secrets.token_hex(8)}")
    run.bucket.create(probe, b"1")
    try:
        if run.bucket.create(probe, b"2") or run.bucket.read(probe) != b"1":
            msg = "the storage overwrites an existing file on a create-only write"
            raise RunFailedError(ErrorClass.INVALID_BUCKET, msg)
    finally:
        run.bucket.delete(probe)
    run.uploaded = True
