"""``stashgen explain POLICY``: what a policy asks for, and whom it protects."""

from collections.abc import Iterator, Sequence

from stashgen.model.resolved import Protection
from stashgen.report.decision import Decision


def explain_policy(name: str, protections: Sequence[Protection]) -> Iterator[Decision]:
    """A policy's sessions, and its volumes.

    Args:
        name: The policy's.
        protections: Of its volumes, sorted; at least one.
    """
    first = protections[0]
    yield Decision(f"policy {name}", first.position)
    yield Decision("selects", first.spec.at("select").position, 1)
    for session in first.sessions:
        when = session.written.every or session.written.schedule
        yield Decision(f"session {session.written.name}: {when}", session.origin.position, 1)
        for copy in session.copies:
            yield Decision(f"copy to storage {copy.storage.name}", copy.origin.position, 2)
    number = len(protections)
    yield Decision(f"protects {number} volume" + ("" if number == 1 else "s"), None, 1)
    for protection in protections:
        key = protection.volume.key
        text = f"{protection.cluster.name}/{key.namespace}/{key.name}"
        yield Decision(text, protection.volume.position, 2)
