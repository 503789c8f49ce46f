"""The floor: what the controller's own requests cost where nothing is decided between them.

A process of its own makes as many requests of each kind as the controller made for its sessions,
with bodies of the same size, through the same client, against the same server. The cluster is
played meanwhile as it is for the controller.
"""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import orjson

from tests.bench.controller_load.apiserver import ApiServer, User
from tests.bench.controller_load.floor_requests import (
    ORDER,
    RESOURCES,
    is_possible,
    models_of,
    request_of,
)
from tests.bench.controller_load.progress import Key
from tests.bench.controller_load.raw_api import Json

_MODULE = "tests.bench.controller_load.floor_process"
_THREADS = 4


@dataclass(frozen=True, slots=True)
class Measured:
    """What the loop took; ``requests`` is what it made.

    Attributes:
        all_cpu_seconds: With the start of the process and the reading of its work.
    """

    seconds: float
    cpu_seconds: float
    all_cpu_seconds: float
    requests: int


class Floor:
    """The requests, prepared once; each round makes them with other names.

    Attributes:
        left_out: What the controller asked for and no round does, by kind.
    """

    def __init__(
        self, server: ApiServer, sessions: list[Key], made: Mapping[str, int], watched: list[str]
    ) -> None:
        self._server = server
        self._api = server.api(User.TEST)
        self._watched = watched
        self._models = models_of(self._api, sessions)
        possible = [kind for kind in made if is_possible(kind, self._models[0])]
        self._made = {kind: made[kind] for kind in sorted(possible, key=_place)}
        self.left_out = {kind: made[kind] for kind in made if kind not in possible}
        self._rounds = 0

    def prepare(self) -> Path:
        """Make what the next round changes, and write its requests to a file."""
        self._rounds += 1
        prefix = f"floor{self._rounds}"
        prepared = list(self._prepare(prefix))
        with ThreadPoolExecutor(_THREADS) as pool:
            for _ in pool.map(self._make_targets, prepared):
                pass
        work = self._server.folder / f"{prefix}.jsonl"
        work.write_bytes(b"\n".join(orjson.dumps(requests) for requests in prepared))
        return work

    def run(self, work: Path, threads: int, *, with_watches: bool) -> Measured:
        """One round.

        Args:
            work: What was prepared for it.
            threads: How many requests are under way at a time.
            with_watches: Whether the process also reads the watches that the controller has.
        """
        kubeconfig = self._server.kubeconfig(User.FLOOR)
        watches = self._watched if with_watches else []
        done = subprocess.run(
            [sys.executable, "-m", _MODULE, str(kubeconfig), str(work), str(threads), *watches],
            check=True,
            stdout=subprocess.PIPE,
        )
        return Measured(**orjson.loads(done.stdout))

    def _prepare(self, prefix: str) -> Iterator[list[Json]]:
        """The requests of each session; what is not a whole number a session is spread."""
        count = len(self._models)
        for number, models in enumerate(self._models):
            requests: list[Json] = []
            for kind, total in self._made.items():
                share = (number + 1) * total // count - number * total // count
                requests += (
                    request_of(kind, models, f"{prefix}-{number}", step) for step in range(share)
                )
            yield requests

    def _make_targets(self, requests: list[Json]) -> None:
        """Make what the requests change or delete, so that it is there."""
        versions: dict[tuple[str, str], str] = {}
        for request in requests:
            target = request.pop("target", None)
            if request["verb"] in {"create", "list"}:
                continue
            key = (request["plural"], request["name"])
            if key not in versions:
                path = RESOURCES[request["plural"]].path(request["namespace"])
                versions[key] = self._api.post(path, target)["metadata"]["resourceVersion"]
            request["version"] = versions[key]


def _place(kind: str) -> int:
    return ORDER[kind.partition(" ")[0]]
