"""The Git repository that the project is in: Flux' paths start at its root."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stashgen.diagnostics import ToolError

_URL = re.compile(r"^\s*url\s*=\s*(\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository on disk.

    Attributes:
        root: Its folder, symlinks resolved.
        names: What its remotes call it, in lower case; empty if there are none.
    """

    root: Path
    names: frozenset[str]

    def folder(self, path: str) -> PurePosixPath | None:
        """The folder at a path from the root; None if there is none inside the repository."""
        real = Path(self.root, path.lstrip("/")).resolve()
        if not real.is_relative_to(self.root) or not real.is_dir():
            return None
        return PurePosixPath(real.relative_to(self.root).as_posix())

    def may_be(self, url: str) -> bool:
        """Whether an address may be this repository's; a fork or a mirror has the same name."""
        return not self.names or not url or _name(url) in self.names


def repository_of(project: Path) -> Repository:
    """The repository that a folder is in, or the folder itself.

    Raises:
        ToolError: Git's configuration cannot be read.
    """
    real = project.resolve()
    root = next((one for one in (real, *real.parents) if (one / ".git").exists()), real)
    config = root / ".git" / "config"
    try:
        text = config.read_text("utf-8", "replace") if config.is_file() else ""
    except OSError as error:
        raise ToolError(f"cannot read {config}: {error.strerror}") from error
    return Repository(root, frozenset(_name(url) for url in _URL.findall(text)))


def _name(url: str) -> str:
    return re.split(r"[/:]", url.rstrip("/"))[-1].removesuffix(".git").lower()
