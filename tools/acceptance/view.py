"""What the proofs of the 21 steps look at: a cluster's objects, its volumes, restic."""

import json
import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from stashgen.api.resources import Resource

Json = Any


class DemoError(Exception):
    """The demo cannot go on; the text says why."""


class View(ABC):
    """A cluster, embedded or real, as far as the proofs need it.

    Attributes:
        restic_environment: What restic needs to reach the storage, besides address and password.
    """

    restic_environment: Mapping[str, str] = MappingProxyType({})

    @abstractmethod
    def get(self, resource: Resource, namespace: str | None, name: str) -> Json:
        """One object.

        Raises:
            DemoError: there is none.
        """

    @abstractmethod
    def items(self, resource: Resource, namespace: str) -> list[Json]:
        """The objects of a kind, oldest first."""

    @abstractmethod
    def volume(self, namespace: str, claim: str) -> Path:
        """The folder of a claim."""

    @abstractmethod
    def refusal(self, resource: Resource, namespace: str, name: str, patch: Json) -> str | None:
        """Why the API server refuses a merge patch as invalid; None where it takes it."""

    def restic(self, repository: str, password: str, *args: str) -> Json:
        """Restic on a repository, with the Secret's password; its JSON answer."""
        environment = os.environ | self.restic_environment
        environment |= {"RESTIC_REPOSITORY": repository, "RESTIC_PASSWORD": password}
        done = subprocess.run(
            ["restic", "--no-cache", "--no-lock", "--json", *args],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise DemoError(f"restic {args[0]}: {done.stderr.strip()}")
        return json.loads(done.stdout)


def name(obj: Json) -> str:
    """An object's name."""
    return str(obj["metadata"]["name"])


def age(obj: Json) -> tuple[str, str]:
    """A key that sorts objects from the oldest on."""
    return obj["metadata"]["creationTimestamp"], name(obj)


def condition(obj: Json, type_: str, *, at: Json = None) -> Json:
    """A condition of an object's status (or of ``at``), or an empty one."""
    holder = obj.get("status", {}) if at is None else at
    return next((item for item in holder.get("conditions", []) if item["type"] == type_), {})
