"""Folders with the states that a plan compares: given ones, or a project's as git has it.

A revision is checked out into a temporary folder with an index of its own, so that neither the
repository, nor its index, nor its list of worktrees changes, and no hook runs. Only the project's
folder is written.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stashgen.diagnostics import ToolError, UsageError, quote
from stashgen.load import PROJECT_FILE
from stashgen.recorder.programs import run_program

WORKING_TREE = "the working tree"
# What a user's configuration could change about a checkout.
_PLAIN = ("core.hooksPath=/dev/null", "core.sparseCheckout=false", "core.fsmonitor=false")


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: As people call it.
        folder: With ``stashgen.yaml``; None if the revision has no project there.
        prefix: What stands before the project's paths where people read them.
        is_live: It is edited: its output may be older than its policies.
        submodules: Below the project, by path; a checkout does not have their files.
    """

    name: str
    folder: Path | None
    prefix: PurePosixPath
    is_live: bool = False
    submodules: tuple[str, ...] = ()


@contextlib.contextmanager
def folders(before: str, after: str) -> Iterator[tuple[Side, Side]]:
    """The sides of two folders.

    Raises:
        UsageError: one of them is none.
    """
    for name in (before, after):
        if not Path(name).is_dir():
            raise UsageError(f"{quote(name)} is not a folder; two states are two folders")
    first, second = (Side(name, Path(name), PurePosixPath(name)) for name in (before, after))
    yield first, second


@contextlib.contextmanager
def revisions(project: Path, given: str) -> Iterator[tuple[Side, Side]]:
    """The sides of a range of revisions, or of one and the working tree.

    Args:
        project: The folder with ``stashgen.yaml`` in the working tree.
        given: ``main..HEAD``, ``main...HEAD`` or ``main``; an omitted one is ``HEAD``.

    Raises:
        ToolError: git is missing, there is no repository, or it does not know a revision.
    """
    git = _Git(project)
    before, dots, after = given.partition("...")
    if not dots:
        before, dots, after = given.partition("..")
    before, after = before or "HEAD", after or "HEAD"
    base = git.merge_base(before, after) if dots == "..." else git.commit(before)
    with tempfile.TemporaryDirectory(prefix="stashgen-plan-") as name:
        folder = Path(name)
        old = git.checkout(before, base, folder / "before")
        new = Side(WORKING_TREE, project, git.path, is_live=True)
        if dots:
            new = git.checkout(after, git.commit(after), folder / "after")
        yield old, new


class _Git:
    """The repository of a project.

    Attributes:
        path: The project's folder in the repository.
    """

    def __init__(self, project: Path) -> None:
        self._project = project
        found = self._ask("rev-parse", "--path-format=absolute", "--git-dir", "--show-prefix")
        folder, _, prefix = found.partition("\n")
        self._folder = folder
        self.path = PurePosixPath(prefix)

    def commit(self, revision: str) -> str:
        """The commit of a revision."""
        if revision.startswith("-"):
            raise UsageError(f"{quote(revision)} is not a revision")
        try:
            return self._ask("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
        except ToolError as error:
            raise ToolError(
                f"git has no revision {quote(revision)}; in CI the checkout has to fetch it, for "
                "example with fetch-depth: 0"
            ) from error

    def merge_base(self, before: str, after: str) -> str:
        """Where two revisions parted."""
        commits = self.commit(before), self.commit(after)
        try:
            return self._ask("merge-base", *commits)
        except ToolError as error:
            raise ToolError(
                f"{quote(before)} and {quote(after)} have no commit in common; in CI the checkout "
                "has to fetch it, for example with fetch-depth: 0"
            ) from error

    def checkout(self, name: str, commit: str, folder: Path) -> Side:
        """The project's files at a commit, written below a folder."""
        where = self.path.as_posix()
        project = (self.path / PROJECT_FILE).as_posix()
        if not self._ask("ls-tree", "--full-tree", "--name-only", commit, "--", project):
            return Side(name, None, self.path)
        folder.mkdir()
        settings = [part for item in _PLAIN for part in ("-c", item)]
        git = ["git", *settings, f"--git-dir={self._folder}", f"--work-tree={folder.absolute()}"]
        index = {"GIT_INDEX_FILE": str(folder.with_suffix(".index").absolute())}
        run_program([*git, "read-tree", commit], folder, index)
        run_program([*git, "--literal-pathspecs", "checkout", "-q", "--", where], folder, index)
        return Side(name, folder / self.path, self.path, submodules=self._submodules(commit))

    def _submodules(self, commit: str) -> tuple[str, ...]:
        if not self._ask("ls-tree", "--full-tree", "--name-only", commit, "--", ".gitmodules"):
            return ()
        found = self._ask("config", "--blob", f"{commit}:.gitmodules", "--list", "--null")
        pairs = (entry.partition("\n") for entry in found.split("\0"))
        paths = [path for key, _, path in pairs if key.endswith(".path")]
        return tuple(path for path in paths if PurePosixPath(path).is_relative_to(self.path))

    def _ask(self, *arguments: str) -> str:
        answer = run_program(["git", *arguments], self._project)
        return answer.decode("utf-8", "surrogateescape").strip("\n")
