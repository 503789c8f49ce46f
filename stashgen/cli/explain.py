"""``stashgen explain``: what a project comes to, in words; writes nothing."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from stashgen.cli.commands import ExplainCommand
from stashgen.cli.compiling import compile_objects
from stashgen.cli.messages import below, count, show_findings
from stashgen.cli.project_folder import project_folder
from stashgen.diagnostics import (
    ExitCode,
    Finding,
    Position,
    UsageError,
    has_errors,
    printable,
    quote,
)
from stashgen.inventory.secret_sources import sources_in_git
from stashgen.model.inventory import Volume
from stashgen.model.resolved import Protection
from stashgen.model.source import Source
from stashgen.pipeline import Objects
from stashgen.report import decision
from stashgen.report.decision import Decision
from stashgen.report.explain_policy import explain_policy
from stashgen.report.explain_secrets import explain_secrets
from stashgen.report.explain_volume import explain_volume, title
from stashgen.report.roles import assumed_roles
from stashgen.report.secrets import required_secrets

_SECRETS = "secrets"


def explain(command: ExplainCommand) -> int:
    """Print the answer; with errors in the project, these instead.

    Raises:
        UsageError: there is no project, nothing of that name, or no standard output to print to.
        ToolError: the system refuses a read.
    """
    if sys.stdout is None:
        raise UsageError("standard output is closed")
    project = project_folder(command.project)
    compiled = compile_objects(project)
    if compiled.objects is None or compiled.source is None or has_errors(compiled.findings):
        show_findings(compiled.findings)
        return ExitCode.FINDINGS
    if command.topic == _SECRETS:
        for line in _secrets(project, compiled.objects, compiled.source):
            print(printable(line))
        return ExitCode.OK
    asked = _Question(project, compiled.objects, compiled.source, compiled.findings)
    for text in decision.lines(asked.answer(command.topic), asked.show):
        print(printable(text))
    return ExitCode.OK


def _secrets(project: Path, objects: Objects, source: Source) -> Iterator[str]:
    clusters = objects.resolved.project.spec.clusters
    secrets = required_secrets(clusters, objects.manifests, sources_in_git(source))
    roles = assumed_roles(objects.manifests)
    yield from explain_secrets(clusters, secrets, roles, lambda at: str(below(project, at)))


@dataclass(frozen=True, slots=True)
class _Question:
    """A compiled project that is asked about one thing."""

    project: Path
    objects: Objects
    source: Source
    findings: Sequence[Finding]

    def show(self, position: Position) -> str:
        """A place as the reader finds it."""
        return str(below(self.project, position))

    def answer(self, topic: str) -> Iterator[Decision]:
        """A volume's, a policy's or a file's decisions.

        Raises:
            UsageError: nothing has this name.
        """
        protections = self.objects.resolved.protections
        volumes = [one for one in self._volumes() if topic in _names(one, self._cluster(one))]
        of_policy = [one for one in protections if one.policy == topic]
        if not volumes and not of_policy:
            volumes = self._in_file(topic)
            of_policy = [one for one in protections if self._is_at(one.position, topic)]
        others = [] if volumes or of_policy else [*self._others(topic)]
        if not volumes and not of_policy and not others:
            raise UsageError(self._unknown(topic))
        yield from others
        for name in dict.fromkeys(one.policy for one in of_policy):
            yield from explain_policy(name, [one for one in of_policy if one.policy == name])
        for volume in volumes:
            yield from self._volume(volume)

    def _volume(self, volume: Volume) -> Iterator[Decision]:
        for protection in self.objects.resolved.protections:
            if protection.volume.key == volume.key:
                yield from explain_volume(protection, self._output())
                return
        yield title(volume, self._cluster(volume))
        resolved = self.objects.resolved
        excluded = resolved.excluded.get(volume.key)
        if excluded is not None:
            yield Decision(f"left out: {excluded.reason}", excluded.position, 1)
            return
        yield Decision("no policy protects it", None, 1)
        place = below(self.project, volume.position)
        for finding in self.findings:
            if place in {finding.position, *finding.related}:
                yield Decision(f"{finding.code}: {finding.what}; {finding.fix}", None, 1)

    def _others(self, topic: str) -> Iterator[Decision]:
        """Documents of the project that select no volume: by name, or all those of a file."""
        for document in (self.source.project, *self.source.policies):
            kind, name = str(document.data.get("kind")), document.subject().partition("/")[2]
            if topic != name and not self._is_at(document.position(), topic):
                continue
            yield Decision(f"{kind} {name}", document.position())
            if kind == "Storage":
                number = len({one.volume.key for one in self._in_storage(name)})
                yield Decision(f"has copies of {count(number, 'volume')}", None, 1)
            elif kind == "BackupPolicy":
                yield Decision("selects no volume", None, 1)

    def _in_storage(self, name: str) -> Iterator[Protection]:
        for protection in self.objects.resolved.protections:
            for session in protection.sessions:
                if any(copy.storage.name == name for copy in session.copies):
                    yield protection

    def _in_file(self, topic: str) -> list[Volume]:
        """Of a manifest, or of a file of the output."""
        output = self._output()
        files = {
            item.record.volume
            for item in self.objects.manifests
            if item.record is not None and self._same(output / item.path, topic)
        }
        return [
            one for one in self._volumes() if one.key in files or self._is_at(one.position, topic)
        ]

    def _is_at(self, position: Position, topic: str) -> bool:
        return self._same(below(self.project, position).path, topic)

    @staticmethod
    def _same(path: PurePosixPath, topic: str) -> bool:
        return path == PurePosixPath(topic)

    def _volumes(self) -> tuple[Volume, ...]:
        return self.objects.inventory.volumes

    def _cluster(self, volume: Volume) -> str:
        clusters = self.objects.resolved.project.spec.clusters
        return next(one.name for one in clusters if one.id == volume.key.cluster_id)

    def _output(self) -> PurePosixPath:
        return PurePosixPath(self.project.as_posix()) / self.objects.resolved.project.spec.output

    def _unknown(self, topic: str) -> str:
        known = sorted(
            {name for one in self._volumes() for name in _names(one, self._cluster(one))}
            | {one.policy for one in self.objects.resolved.protections}
        )
        near = get_close_matches(topic, known, n=1)
        hint = f"; did you mean {quote(near[0])}?" if near else ""
        return (
            f"{quote(topic)} is no volume of the inventory (namespace/name), no document of the "
            f"project, and no file with one of them{hint}"
        )


def _names(volume: Volume, cluster: str) -> Iterable[str]:
    """How people name a volume."""
    key = volume.key
    return (key.name, f"{key.namespace}/{key.name}", f"{cluster}/{key.namespace}/{key.name}")
