"""Small JSON documents of our own in a bucket; untrusted, like everything there."""

import json
from typing import TypeVar

from pydantic import ValidationError

from stashgen.api.base import Model
from stashgen_controller.worker.run import RunContext
from stashgen_controller.worker.storage.base import StorageError

_Document = TypeVar("_Document", bound=Model)


def read_document(run: RunContext, path: str, model: type[_Document]) -> _Document | None:
    """A document that only helps: None where there is none, and where it cannot be read.

    Raises:
        StorageError: the storage does not respond.
    """
    try:
        data = run.bucket.read(path)
        return model.from_wire(json.loads(data)) if data is not None else None
    except StorageError as error:
        if error.reason is error.reason.INVALID_BUCKET:
            return None
        raise
    except (ValueError, ValidationError, RecursionError):
        return None


def write_document(run: RunContext, path: str, document: Model) -> None:
    """Write a document; one that is there is replaced.

    Raises:
        StorageError: it could not be written.
    """
    run.bucket.write(path, json.dumps(document.to_wire(), sort_keys=True).encode())
