"""The container's variables are restic's, but for those that are not a user's to set."""

import os
from datetime import UTC, datetime

import pytest

from stashgen_controller.worker.environment import drop_reserved
from stashgen_controller.worker.restic.interruption import Interruption
from stashgen_controller.worker.restic.output import ErrorLog
from stashgen_controller.worker.restic.process import Restic
from stashgen_controller.worker.storage.base import ResticAccess

_GIVEN = {
    "HTTP_PROXY": "http://proxy:1",
    "https_proxy": "http://proxy:2",
    "NO_PROXY": "10.0.0.0/8",
    "GOGC": "20",
    "GOMAXPROCS": "1",
    "SSL_CERT_FILE": "/etc/ssl/corp.pem",
    "RESTIC_PACK_SIZE": "64",
    "RESTIC_COMPRESSION": "max",
    "RESTIC_READ_CONCURRENCY": "4",
}
_RESERVED = {
    "RESTIC_REPOSITORY": "/elsewhere",
    "RESTIC_REPOSITORY_FILE": "/elsewhere",
    "RESTIC_PASSWORD": "leaked",
    "RESTIC_PASSWORD_COMMAND": "cat /leaked",
    "RESTIC_KEY_HINT": "other",
    "RESTIC_HOST": "other",
    "RESTIC_CACHE_DIR": "/elsewhere",
    "RESTIC_PROGRESS_FPS": "60",
    "RESTIC_FEATURES": "unknown=true",
    "RESTIC_AWS_ASSUME_ROLE_ARN": "arn",
    "AWS_SESSION_TOKEN": "other",
    "AWS_CONDITIONAL_PUT": "disabled",
    "ALL_PROXY": "http://proxy:3",
    "TMPDIR": "/elsewhere",
    "TZ": "Asia/Tokyo",
    "STASHGEN_DATA": "/elsewhere",
}


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What restic gets from a container that has all of them."""
    monkeypatch.setattr(os, "environ", {"PATH": "/bin", "HOME": "/", **_GIVEN, **_RESERVED})
    drop_reserved()
    restic = Restic(
        repository="/repository",
        password_file="/password",
        cache_dir=None,
        temp_dir="/scratch",
        now=lambda: datetime(2026, 5, 4, tzinfo=UTC),
        interruption=Interruption(),
        errors=ErrorLog(),
        access=ResticAccess({"AWS_ACCESS_KEY_ID": "ours"}, ()),
    )
    return dict(restic._environment("backup"))


def test_settings_of_the_container_reach_restic(given: dict[str, str]) -> None:
    assert given.items() >= _GIVEN.items()


def test_restic_gets_nothing_else_but_what_the_worker_sets(given: dict[str, str]) -> None:
    rest = {name: value for name, value in given.items() if name not in _GIVEN}
    assert rest == {
        "PATH": "/bin",
        "HOME": "/",
        "RESTIC_REPOSITORY": "/repository",
        "RESTIC_PASSWORD_FILE": "/password",
        "RESTIC_PROGRESS_FPS": "0.1",
        "TZ": "UTC",
        "TMPDIR": "/scratch",
        "AWS_ACCESS_KEY_ID": "ours",
    }
