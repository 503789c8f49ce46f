"""The BackupSessions of one tick, created at once as the CronJobs' pods would."""

import time
from concurrent.futures import ThreadPoolExecutor

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.resources import BACKUP_CONFIGURATIONS, BACKUP_SESSIONS
from stashgen.kubestash.sessions import backup_session_manifest
from tests.bench.controller_load.progress import Key
from tests.bench.controller_load.raw_api import Json, RawApi

_THREADS = 4


def trigger_all(api: RawApi) -> list[Key]:
    """Start each session of each BackupConfiguration; the keys of the BackupSessions."""
    items, _ = api.items(BACKUP_CONFIGURATIONS.path())
    configurations = [BackupConfiguration.from_wire(item) for item in items]
    unix = int(time.time())
    made: list[Json] = [
        backup_session_manifest(configuration, session, unix)
        for configuration in configurations
        for session in configuration.spec.sessions
    ]
    with ThreadPoolExecutor(_THREADS) as pool:
        for _ in pool.map(lambda item: api.post(_path(item), item), made):
            pass
    return [(item["metadata"]["namespace"], item["metadata"]["name"]) for item in made]


def _path(manifest: Json) -> str:
    return BACKUP_SESSIONS.path(manifest["metadata"]["namespace"])
