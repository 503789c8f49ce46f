"""Why something is not done, or failed: a name for machines, words for people.

Worker and controller write it into statuses as ``Name: words``. Inside it stays a value, and what
is done next follows from its name.
"""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Reason:
    """One cause.

    Attributes:
        name: In CamelCase, as a condition's reason (Kubernetes API conventions, "Typical status
            properties"); empty where the words are all there is.
        message: The words.
    """

    name: str
    message: str

    @property
    def text(self) -> str:
        """``Name: words``, as conditions and statuses show it."""
        return f"{self.name}: {self.message}" if self.name else self.message

    @classmethod
    def parse(cls, text: str) -> Self:
        """A cause that only a stored text has: a component's ``error`` in a status.

        KubeStash's types have no field for the name there, and its conditions have a name of their
        own ("FailedToEnsureRestoreExecutor"), so the cause is in the message. Nothing else is to
        be parsed: what this process found out itself is a value already.
        """
        name, separator, message = text.partition(": ")
        return cls(name, message) if separator and name.isalnum() else cls("", text)
