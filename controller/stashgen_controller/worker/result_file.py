"""Results that do not fit a termination message, as a file in the bucket."""

import contextlib
import json

from stashgen.kubestash import layout
from stashgen_controller.protocol.run_result import RunResult, is_whole
from stashgen_controller.worker.run import RunContext
from stashgen_controller.worker.storage.base import StorageError

MOST_FILES = 20
_SHOWN_ERRORS = 3


def with_details(run: RunContext, result: RunResult) -> RunResult:
    """The result; if it must be shortened, it names a file with the complete one.

    The file is ``.stashgen/results/<uid of the pod>.json`` in the repository's directory; only the
    newest twenty are kept. A full or unavailable storage must not prevent the report: then there is
    no file, and the result names none.
    """
    is_all = run.errors.count <= _SHOWN_ERRORS and is_whole(result)
    if is_all or run.environment.pod_uid is None:
        return result
    folder = layout.results_folder(run.directory)
    path = layout.join(folder, f"{run.environment.pod_uid}.json")
    named = result.model_copy(update={"details": path})
    document = {
        "result": named.to_wire(),
        "errors": run.errors.texts,
        "errorCount": run.errors.count,
    }
    try:
        run.bucket.write(path, json.dumps(document).encode())
    except StorageError:
        return result
    with contextlib.suppress(StorageError):
        for name in run.bucket.names(folder)[:-MOST_FILES]:
            run.bucket.delete(layout.join(folder, name))
    return named
