"""Read the files of a project: all input enters through this edge."""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath

from stashgen.diagnostics import (
    Finding,
    Outcome,
    Position,
    Severity,
    ToolError,
    UsageError,
    quote,
)
from stashgen.load.charts import has_claims, is_chart_template, not_rendered
from stashgen.load.patterns import Finder, segments_of
from stashgen.model.recorded import cluster_of
from stashgen.model.source import Source
from stashgen.policy.project import DEFAULT_OUTPUT, DEFAULT_POLICIES
from stashgen.yaml.documents import LARGEST_FILE_BYTES, Document, read_documents
from stashgen.yaml.nodes import Json
from stashgen.yaml.reader import Code as YamlCode

PROJECT_FILE = PurePosixPath("stashgen.yaml")

_Keys = tuple[str | int, ...]


class Code(StrEnum):
    """What finding a project's files may report; each is explained in docs/findings.md."""

    PROJECT = "SG116"
    NOTHING_FOUND = "SG117"
    NOT_INSIDE = "SG118"
    NOT_A_FILE = "SG119"
    NO_RECORD = "SG120"


def load(root: Path) -> Outcome[Source | None]:
    """Read ``stashgen.yaml`` and the files that it names; None if it contains no Project.

    Every path and position is relative to ``root``. An unreadable part of an inventory is only a
    warning, because inventories are third-party files and may contain templates; its positions are
    in ``Source.unreadable``. A record is ours: what is wrong with it is an error.

    Raises:
        UsageError: ``root`` is not a folder, or has no ``stashgen.yaml``.
        ToolError: the system refuses to read a file or a folder.
    """
    with _system_errors():
        own = _own_documents(root)
        project = _project_of(own.value)
        if project is None:
            return Outcome(None, own.findings or (_no_project(),))
        inventories = dict(_inventories(project))
        records = {
            one.record[1] for sources in inventories.values() for one in sources if one.record
        }
        reading = _Reading(project, _finder(root, project), frozenset(records), list(own.findings))
        policies = [one for one in own.value if one is not project]
        policies += reading.documents([_Files(_policy_patterns(project))], dirty=False)
        manifests = {
            cluster_id: (
                *reading.documents(sources, dirty=True),
                *reading.recorded(cluster_id, sources),
            )
            for cluster_id, sources in inventories.items()
        }
        reading.refuse_strange_files()
    unreadable = tuple(reading.unreadable)
    namespaces = {
        cluster_id: {
            path: one.namespace for one in reversed(sources) if one.namespace for path in one.paths
        }
        for cluster_id, sources in inventories.items()
    }
    source = Source(project, tuple(policies), manifests, unreadable, namespaces, frozenset(records))
    return Outcome(source, tuple(reading.findings))


def load_project(root: Path) -> Outcome[Document | None]:
    """Read the Project alone, without the files that it names; errors as ``load``."""
    with _system_errors():
        own = _own_documents(root)
    project = _project_of(own.value)
    return Outcome(project, own.findings or (() if project is not None else (_no_project(),)))


def _own_documents(root: Path) -> Outcome[tuple[Document, ...]]:
    if not root.is_dir():
        raise UsageError(f"{root} is not a folder")
    if not (root / PROJECT_FILE).is_file():
        raise UsageError(f"there is no {PROJECT_FILE} in {root.absolute()}")
    return read_documents(_read(root / PROJECT_FILE), PROJECT_FILE)


def _project_of(own: tuple[Document, ...]) -> Document | None:
    return next((one for one in own if one.data.get("kind") == "Project"), None)


@dataclass(slots=True)
class _Files:
    """Patterns of files that belong together.

    Attributes:
        patterns: With their places in the project's document.
        exclude: Likewise.
        namespace: Of objects that name none.
        record: The file of a record, in place of patterns.
        is_piped: The record is read from standard input.
        paths: The files that were found.
    """

    patterns: list[tuple[_Keys, str]]
    exclude: list[tuple[_Keys, str]] = field(default_factory=list)
    namespace: str | None = None
    record: tuple[_Keys, PurePosixPath] | None = None
    is_piped: bool = False
    paths: set[PurePosixPath] = field(default_factory=set)


@dataclass(slots=True)
class _Reading:
    """The files read so far, and the findings about them."""

    project: Document
    finder: Finder
    records: frozenset[PurePosixPath]
    findings: list[Finding]
    unreadable: list[Position] = field(default_factory=list)

    def documents(self, sources: list[_Files], *, dirty: bool) -> Iterator[Document]:
        """The documents of all files that the sources name, by path."""
        files: dict[PurePosixPath, Path] = {}
        for source in sources:
            found = self._find(source)
            source.paths.update(found)
            files.update(found)
        for path in sorted(files):
            # A record is of one cluster, whatever patterns match it.
            if path == PROJECT_FILE or path in self.records:
                continue
            content = _read(files[path])
            outcome = read_documents(content, path, dirty=dirty)
            if dirty:
                # A list is no manifest, but a JSON patch or another tool's settings.
                bad = [one for one in outcome.findings if one.code != YamlCode.NOT_A_MAP]
                if bad and is_chart_template(path, files):
                    if not has_claims(content):
                        continue
                    bad = [not_rendered(path)]
                self.unreadable += [finding.position for finding in bad]
                self.findings += map(_of_inventory, bad)
            else:
                self.findings += outcome.findings
            yield from outcome.value

    def recorded(self, cluster_id: str, sources: list[_Files]) -> Iterator[Document]:
        """The documents of a cluster's records."""
        for source in sources:
            if source.record is None:
                continue
            keys, path = source.record
            source.paths.add(path)
            content = self._record(keys, path, is_piped=source.is_piped)
            if content is None:
                continue
            if cluster_of(content) != cluster_id:
                self._report(
                    Code.NO_RECORD,
                    keys,
                    f"{quote(path)} is not a record of this cluster",
                    "its first lines do not say that stashgen inventory wrote it for cluster id "
                    f"{quote(cluster_id)}; the volumes of another cluster would be backed up",
                    "move the file away if it is something else, and run stashgen inventory",
                )
                continue
            outcome = read_documents(content, path)
            self.findings += outcome.findings
            yield from outcome.value

    def _record(self, keys: _Keys, path: PurePosixPath, *, is_piped: bool) -> bytes | None:
        found = self.finder.exact(path)
        if found is not None:
            return _read(found)
        if path not in self.finder.refused and ".." not in path.parts:
            self._report(
                Code.NO_RECORD,
                keys,
                f"{quote(path)} does not exist",
                "a build runs no program and reads the record alone; without it every volume of "
                "the inventory would be missing",
                "pipe manifests to stashgen inventory - (docs/inventory.md) and commit the file"
                if is_piped
                else "run stashgen inventory and commit the file",
            )
        return None

    def _find(self, source: _Files) -> dict[PurePosixPath, Path]:
        left_out = frozenset[PurePosixPath]()
        for keys, pattern in source.exclude:
            if self._is_inside(keys, pattern):
                left_out |= self.finder.paths(pattern)
        files: dict[PurePosixPath, Path] = {}
        for keys, pattern in source.patterns:
            if not self._is_inside(keys, pattern):
                continue
            finder = replace(self.finder, refused=set())
            found = finder.files(pattern, left_out)
            self.finder.refused.update(finder.refused - left_out)
            if not found and left_out.isdisjoint(finder.paths(pattern)):
                self._report_nothing(keys, pattern)
            files.update(found)
        return files

    def _is_inside(self, keys: _Keys, pattern: str) -> bool:
        try:
            segments_of(pattern)
        except ValueError as error:
            self._report_outside(keys, pattern, str(error))
            return False
        return True

    def refuse_strange_files(self) -> None:
        """Report what the patterns matched but could not read."""
        self.findings += (
            Finding(
                Code.NOT_A_FILE,
                Severity.ERROR,
                Position(path),
                "",
                "a broken link, a link out of the project, or not a regular file",
                "reading it would make the result depend on this machine; skipping it silently "
                "could lose volumes or policies",
                "remove it, or use a pattern that does not match it",
            )
            for path in sorted(self.finder.refused)
        )

    def _report_outside(self, keys: _Keys, pattern: str, why: str) -> None:
        self._report(
            Code.NOT_INSIDE,
            keys,
            f"{quote(pattern)} is not a path inside the project",
            why,
            "use a path relative to the folder of stashgen.yaml",
        )

    def _report_nothing(self, keys: _Keys, pattern: str) -> None:
        self._report(
            Code.NOTHING_FOUND,
            keys,
            f"{quote(pattern)} matches no files",
            "a mistyped path would leave volumes without a backup; hidden files and the output "
            "folder never match",
            "correct the path, or remove it",
        )

    def _report(self, code: Code, keys: _Keys, what: str, why: str, fix: str) -> None:
        position, subject = self.project.position(*keys), self.project.subject(*keys)
        self.findings.append(Finding(code, Severity.ERROR, position, subject, what, why, fix))


def _of_inventory(finding: Finding) -> Finding:
    """A finding about a file that another tool reads: its templates stay as they are."""
    fix = finding.fix
    if "{{" in fix:
        fix = "add the rendered manifest to the inventory, or exclude the file from its patterns"
    return replace(finding, severity=Severity.WARNING, fix=fix)


def _finder(root: Path, project: Document) -> Finder:
    output = _at(project.data, "spec", "output")
    try:
        segments = segments_of(output if isinstance(output, str) else DEFAULT_OUTPUT)
    except ValueError:
        segments = ()  # Validation reports it.
    excluded = PurePosixPath(*segments) if segments else None
    return Finder(Path(os.path.realpath(root)), excluded)


def _policy_patterns(project: Document) -> list[tuple[_Keys, str]]:
    keys: _Keys = ("spec", "policies")
    written = _at(project.data, *keys)
    return _texts(keys, list(DEFAULT_POLICIES) if written is None else written)


def _inventories(project: Document) -> Iterator[tuple[str, list[_Files]]]:
    """Each cluster's id and sources; malformed values are left to validation."""
    for index, cluster in _items(_at(project.data, "spec", "clusters")):
        cluster_id = _at(cluster, "id")
        if isinstance(cluster_id, str):
            keys = ("spec", "clusters", index, "inventory")
            sources = _items(_at(cluster, "inventory"))
            yield cluster_id, [_source((*keys, place), source) for place, source in sources]


def _source(keys: _Keys, source: Json) -> _Files:
    namespace, record = _at(source, "namespace"), _at(source, "recorded")
    is_inside = isinstance(record, str) and record and not record.startswith("/")
    return _Files(
        patterns=_texts((*keys, "manifests"), _at(source, "manifests")),
        exclude=_texts((*keys, "exclude"), _at(source, "exclude")),
        namespace=namespace if isinstance(namespace, str) and namespace else None,
        record=((*keys, "recorded"), PurePosixPath(str(record))) if is_inside else None,
        is_piped=not _at(source, "from"),
    )


def _at(node: Json, *keys: str | int) -> Json:
    for key in keys:
        node = node.get(key) if isinstance(node, dict) and isinstance(key, str) else None
    return node


def _items(node: Json) -> Iterator[tuple[int, Json]]:
    return enumerate(node) if isinstance(node, list) else iter(())


def _texts(keys: _Keys, node: Json) -> list[tuple[_Keys, str]]:
    return [((*keys, index), item) for index, item in _items(node) if isinstance(item, str)]


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        # One byte more than the reader accepts, so that it notices a file that is too large.
        return file.read(LARGEST_FILE_BYTES + 1)


@contextlib.contextmanager
def _system_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ToolError(f"cannot read {error.filename}: {error.strerror}") from error


def _no_project() -> Finding:
    return Finding(
        Code.PROJECT,
        Severity.ERROR,
        Position(PROJECT_FILE),
        "",
        "there is no document of kind Project",
        "the Project lists the clusters and says where policies and inventories are",
        "add one with apiVersion: stashgen.dev/v1alpha1 and kind: Project",
    )
