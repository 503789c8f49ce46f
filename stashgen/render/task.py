"""What a session's backup task is told: the parameters of KubeStash's pvc addon."""

from stashgen.api.base import JsonObject
from stashgen.kubestash import addons
from stashgen.kubestash.paths import DATA_PATH, TMP_PATH
from stashgen.kubestash.unreadable import OnUnreadable
from stashgen.model.resolved import ResolvedSession


def backup_params(session: ResolvedSession, on_unreadable: OnUnreadable) -> JsonObject:
    """The parameters of the backup task; a default of ours is left to the worker.

    In the pod the top of the volume is a folder, so what begins there gets its path.
    """
    params: JsonObject = {
        "paths": ",".join(
            DATA_PATH if path == "." else f"{DATA_PATH}/{path}" for path in session.paths
        ),
        "enableCache": "true",
        "scratchDir": TMP_PATH,
    }
    if session.exclude:
        params["exclude"] = ",".join(
            f"{DATA_PATH}{pattern}" if pattern.startswith("/") else pattern
            for pattern in session.exclude
        )
    if on_unreadable is not OnUnreadable.FAIL:
        params[addons.ON_UNREADABLE] = on_unreadable.value
    return params
