"""What orders a restore once, and the record of it in the bucket."""

import json
from pathlib import Path

from tests.support.workbench import Json, Workbench

NONCE = "incident-42"
ORDER: Json = {
    "nonce": NONCE,
    "namespace": "demo",
    "request": "back",
    "repository": "local-k3f9q",
    "snapshot": "latest",
    "target": "library",
    "mode": "Overwrite",
    # The restores of the workbench happen a hundred days after its beginning.
    "notAfter": "2026-09-01T00:00:00Z",
}


def ledger(bench: Workbench, nonce: str = NONCE) -> Json:
    return json.loads(ledger_file(bench, nonce).read_bytes())


def ledger_file(bench: Workbench, nonce: str = NONCE) -> Path:
    return bench.directory / ".stashgen" / "restores" / f"{nonce}.json"
