"""Make the requests of the floor: ``floor_process KUBECONFIG WORK THREADS [WATCHED ...]``.

WORK has a line a session: its requests, which come one after the other. What they took is printed.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Thread

import orjson

from stashgen_controller.kube.client import Client
from tests.bench.controller_load.floor_requests import RESOURCES
from tests.bench.controller_load.raw_api import Json


def main(kubeconfig: str, work: str, threads: str, *watched: str) -> None:
    """Read everything first; only the requests are timed."""
    client = Client.configured(kubeconfig)
    sessions = [orjson.loads(line) for line in Path(work).read_bytes().splitlines()]
    for plural in watched:
        _follow(client, plural)
    begin, cpu = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(int(threads)) as pool:
        for _ in pool.map(lambda requests: _session(client, requests), sessions):
            pass
    measured = {
        "seconds": time.perf_counter() - begin,
        "cpu_seconds": time.process_time() - cpu,
        "all_cpu_seconds": time.process_time(),
        "requests": sum(map(len, sessions)),
    }
    sys.stdout.write(orjson.dumps(measured).decode())
    sys.stdout.flush()
    # The watches would go on.
    os._exit(0)


def _session(client: Client, requests: list[Json]) -> None:
    versions: dict[tuple[str, str], str] = {}
    for request in requests:
        resource, namespace = RESOURCES[request["plural"]], request["namespace"]
        name, is_status = request["name"], request["part"] == "status"
        key = (request["plural"], name)
        match request["verb"]:
            case "create":
                client.create(resource, namespace, request["body"])
            case "update":
                body = request["body"]
                version = versions.get(key, request["version"])
                current = {**body, "metadata": body["metadata"] | {"resourceVersion": version}}
                answer = client.replace(resource, namespace, current, status=is_status)
                versions[key] = str(_version(answer))
            case "patch":
                answer = client.patch(resource, namespace, name, request["body"], status=is_status)
                versions[key] = str(_version(answer))
            case "list":
                client.list(resource, namespace)
            case "delete":
                client.delete(resource, namespace, name)
            case _:
                client.get(resource, namespace, name)


def _version(obj: Json) -> object:
    return obj["metadata"]["resourceVersion"]


def _follow(client: Client, plural: str) -> None:
    """Read a watch as the controller has to, and do nothing with what it says."""
    resource = RESOURCES[plural]
    _, version = client.list(resource)
    begun = Event()

    def read() -> None:
        begun.set()
        for _ in client.watch(resource, resource_version=version, timeout_seconds=3600):
            pass

    Thread(target=read, daemon=True).start()
    begun.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
