"""Verbs that come with the controller: found when they are asked for, and only then."""

import pytest

from stashgen.cli import plugin
from stashgen.cli.arguments import OWN_VERBS, parse
from stashgen.cli.installed import installed_verbs, load
from stashgen.cli.main import run
from stashgen_controller.kubectl.arguments import SUMMARIES


def test_the_controllers_verbs_are_installed_and_none_is_one_of_ours() -> None:
    found = installed_verbs()
    assert set(found) == set(SUMMARIES)
    assert OWN_VERBS.isdisjoint(found)
    assert {name: load(entry).summary for name, entry in found.items()} == SUMMARIES


def test_help_lists_them_beside_ours(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    printed = capsys.readouterr().out
    for verb in OWN_VERBS | set(SUMMARIES):
        assert f"    {verb}" in printed


def test_their_arguments_are_theirs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--help"]) == 0
    assert "usage: stashgen status" in capsys.readouterr().out
    assert run(["--debug", "trigger"]) == 2
    assert "usage: stashgen trigger" in capsys.readouterr().err


def test_a_typo_is_told_with_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["statsu"]) == 2
    assert "'status'" in capsys.readouterr().err


def test_ours_are_run_without_looking_for_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def looked(**_: object) -> None:
        raise AssertionError("entry points were looked for")

    monkeypatch.setattr("importlib.metadata.entry_points", looked)
    monkeypatch.setattr("stashgen.cli.installed.entry_points", looked)
    for verb in OWN_VERBS:
        assert run([verb, "--help"]) == 0
        assert f"usage: stashgen {verb}" in capsys.readouterr().out


def test_without_the_controller_a_verb_of_it_is_an_unknown_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert parse(["status"], {}) == 2
    printed = capsys.readouterr().err
    assert "invalid choice: 'status'" in printed
    assert "uv tool install 'stashgen[cluster]'" in printed


def test_without_the_controller_the_plugin_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("stashgen.cli.plugin.entry_points", lambda **_: ())
    assert plugin.main() == 2
    assert "uv tool install 'stashgen[cluster]'" in capsys.readouterr().err
