"""restic's CPU and I/O priority: from a pod's settings to the command that starts it.

KubeStash's ``nice`` and ``ionice``; in our pods they are variables of the container, so that every
command of restic gets them.
"""

from collections.abc import Mapping

from stashgen.api.base import JsonObject

_NICE = "STASHGEN_NICE"
_IONICE = "STASHGEN_IONICE"


def priority_env(nice: int | None, ionice: tuple[int, int | None] | None) -> tuple[JsonObject, ...]:
    """The variables of a container that runs restic; none for what stays as it is.

    Args:
        nice: What is added to the process's niceness.
        ionice: The class, and the level in it.
    """
    found: list[JsonObject] = []
    if nice is not None:
        found.append({"name": _NICE, "value": str(nice)})
    if ionice is not None:
        class_, level = ionice
        value = str(class_) if level is None else f"{class_}:{level}"
        found.append({"name": _IONICE, "value": value})
    return tuple(found)


def priority_command(environment: Mapping[str, str]) -> tuple[str, ...]:
    """What comes before a command, so that it runs with the priority of ``priority_env``.

    ionice(1) is told to go on where a node refuses: a backup does not fail because of it.
    """
    command: list[str] = []
    if _IONICE in environment:
        class_, _, level = environment[_IONICE].partition(":")
        command += ["ionice", "-t", "-c", class_, *(("-n", level) if level else ())]
    if _NICE in environment:
        command += ["nice", "-n", environment[_NICE]]
    return tuple(command)
