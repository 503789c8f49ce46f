"""The command line of the controller."""

from datetime import timedelta

import pytest

from stashgen import __version__
from stashgen_controller.kube.client import USER_AGENT
from stashgen_controller.process.endpoint import Answer
from stashgen_controller.process.settings import Settings, parse


def test_defaults_are_those_of_a_pod() -> None:
    environment = {"POD_NAMESPACE": "backup", "HOSTNAME": "controller-1"}
    assert parse([], environment) == Settings(
        kubeconfig=None,
        namespace="backup",
        metrics_address=":8080",
        leader_elect=False,
        lease=timedelta(seconds=15),
        name="controller-1",
    )


def test_a_flag_beats_the_environment() -> None:
    environment = {"KUBECONFIG": "/one", "POD_NAMESPACE": "backup"}
    settings = parse(["--kubeconfig=/two", "--namespace=mine", "--leader-elect"], environment)
    assert (settings.kubeconfig, settings.namespace) == ("/two", "mine")
    assert settings.leader_elect
    assert parse([], environment).kubeconfig == "/one"


def test_it_tells_its_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        parse(["--version"], {})
    assert end.value.code == 0
    assert capsys.readouterr().out == f"stashgen-controller {__version__}\n"


def test_strict_mode_is_wanted_by_a_flag_and_seen_in_the_audit_log() -> None:
    assert parse([], {}).agent == USER_AGENT
    settings = parse(["--strict"], {})
    assert (settings.strict, settings.agent) == (True, f"{USER_AGENT} (strict)")


@pytest.mark.parametrize(
    "flag",
    [
        "--metrics-address=8080",
        "--metrics-address=:http",
        "--metrics-address=:70000",
        "--lease-duration=2",
        "--lease-duration=1.5",
        "--unknown",
    ],
)
def test_a_wrong_flag_is_refused(flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        parse([flag], {})
    assert refused.value.code == 2
    assert flag.partition("=")[0] in capsys.readouterr().err


def test_an_address_may_be_of_ipv6() -> None:
    assert parse(["--metrics-address=[::1]:0"], {}).metrics_address == "[::1]:0"


def test_an_answer_lists_each_problem() -> None:
    assert Answer.of_problems([]) == Answer(200, b"ok\n")
    assert Answer.of_problems(["a", "b"]) == Answer(503, b"a\nb\n")
