"""restic's priority, from the settings of a pod to the command line in it."""

import pytest

from stashgen.kubestash.pods.environment import why_reserved
from stashgen.kubestash.pods.priorities import priority_command, priority_env


@pytest.mark.parametrize(
    ("nice", "ionice", "command"),
    [
        (None, None, ""),
        (0, None, "nice -n 0"),
        (None, (3, None), "ionice -t -c 3"),
        (10, (2, 7), "ionice -t -c 2 -n 7 nice -n 10"),
        (None, (2, 0), "ionice -t -c 2 -n 0"),
    ],
)
def test_settings_come_before_restic(
    nice: int | None, ionice: tuple[int, int | None] | None, command: str
) -> None:
    env = priority_env(nice, ionice)
    environment = {str(item["name"]): str(item["value"]) for item in env}
    assert " ".join(priority_command(environment)) == command
    # Nobody else sets them.
    assert all(why_reserved(name) for name in environment)
