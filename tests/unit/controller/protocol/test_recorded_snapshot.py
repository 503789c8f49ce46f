"""Records on their way from the worker to the controller: small, and never believed."""

import base64
import json
import zlib
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from pydantic import ValidationError

from stashgen.api.snapshot import Phase
from stashgen_controller.protocol.recorded_snapshot import (
    MOST_PACKED_BYTES,
    RecordedPath,
    RecordedSnapshot,
    pack,
    read_annotation,
    unpack,
)
from stashgen_controller.protocol.run_result import Resync, RunResult, encode

_TIME = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _record(number: int) -> RecordedSnapshot:
    time = _TIME + timedelta(hours=number, seconds=number * 7 % 60)
    return RecordedSnapshot(
        name=f"local-k3f9q-library-backup-{int(time.timestamp())}",
        session="backup",
        backup_session=f"library-backup-{int(time.timestamp())}",
        snapshot_id="01HK8G3M9Z0000000000000000",
        phase=Phase.SUCCEEDED,
        time=time,
        updated=time + timedelta(seconds=40),
        size=f"{number}.123 GiB",
        duration=f"{number}.5s",
        integrity=True,
        paths=(RecordedPath(id=sha256(str(number).encode()).hexdigest(), size="1.000 GiB"),),
    )


def _packed(value: object) -> str:
    return base64.b85encode(zlib.compress(json.dumps(value).encode())).decode()


def test_a_page_comes_back_as_it_was() -> None:
    records = tuple(_record(number) for number in range(30))
    assert unpack(pack(records)) == records
    assert unpack(pack(())) == ()


def test_twenty_fit_a_page_and_a_page_fits_a_termination_message() -> None:
    assert len(pack([_record(number) for number in range(20)])) < MOST_PACKED_BYTES
    page = Resync(
        snapshots="x" * MOST_PACKED_BYTES,
        cursor=_record(0).name,
        is_last=False,
        ignored=5,
        examples=("e" * 90,) * 5,
    )
    result = RunResult(
        verb="resync", phase=Phase.SUCCEEDED, resync=page, started=_TIME, finished=_TIME
    )
    assert RunResult.model_validate_json(encode(result)).resync == page


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not base 85 \u20ac",
        _packed([_record(0).to_wire()])[:-9],
        base64.b85encode(b"not zlib").decode(),
        _packed("text"),
        _packed({"a": 1}),
        _packed([1]),
        _packed([{"name": "a"}]),
        _packed([["deep"] * 10]),
        base64.b85encode(zlib.compress(b"[" * 100_000)).decode(),
        base64.b85encode(zlib.compress(b" " * 10_000_000)).decode(),
    ],
)
def test_what_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="the page "):
        unpack(text)


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "a..b"},
        {"name": "A"},
        {"name": "../../etc"},
        {"name": "a" * 254},
        {"session": "a/b"},
        {"session": ""},
        {"backupSession": "-a"},
        {"snapshotId": "lower"},
        {"phase": "Gone"},
        {"time": "yesterday"},
        {"size": "many"},
        {"error": "e" * 201},
        {"paths": [{"id": "abc"}]},
        {"paths": [{"id": "a" * 64, "hostPath": "/" * 257}]},
        {"paths": [{"id": "a" * 64}] * 21},
    ],
)
def test_an_odd_field_is_refused(changed: dict[str, object]) -> None:
    wire = _record(0).to_wire() | changed
    with pytest.raises(ValidationError):
        RecordedSnapshot.model_validate(wire, extra="ignore")
    assert read_annotation(json.dumps(wire)) is None


def test_the_annotation_is_what_was_written() -> None:
    assert read_annotation(_record(3).to_json()) == _record(3)
    assert read_annotation("{") is None
