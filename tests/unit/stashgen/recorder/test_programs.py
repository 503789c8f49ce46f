"""Programs end with stashgen, whenever a signal comes."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stashgen.recorder.programs import run_program


@pytest.mark.parametrize(
    ("number", "raised"), [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)]
)
def test_a_signal_during_the_start_of_a_program_ends_the_program(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    raised: type[BaseException],
) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            started.append(self)
            os.kill(os.getpid(), number)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    handlers = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)]
    try:
        with pytest.raises(raised) as error:
            run_program(["sleep", "300"], tmp_path)
        assert [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGINT)] == handlers
    finally:
        signal.signal(signal.SIGINT, before)
    assert getattr(error.value, "code", 128 + number) == 128 + number
    (program,) = started
    assert program.returncode == -signal.SIGKILL
