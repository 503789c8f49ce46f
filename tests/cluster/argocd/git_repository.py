"""The platform team's git repository: a work tree, and the bare one that the server shows."""

import os
import subprocess
from pathlib import Path

# Nothing of the user's own git configuration counts: no signing, no hooks, no templates.
_ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "e2e",
    "GIT_AUTHOR_EMAIL": "e2e@localhost",
    "GIT_COMMITTER_NAME": "e2e",
    "GIT_COMMITTER_EMAIL": "e2e@localhost",
}


class GitRepository:
    """One repository with the branch ``main``."""

    def __init__(self, work_tree: Path, bare: Path) -> None:
        self.work_tree = work_tree
        work_tree.mkdir()
        self._git("init", "-q", "--bare", "-b", "main", str(bare))
        self._git("init", "-q", "-b", "main")
        self._git("remote", "add", "origin", str(bare))

    def write(self, path: str, text: str) -> None:
        """Write a file of the work tree."""
        file = self.work_tree / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def read(self, path: str) -> str:
        """What is in a file of the work tree."""
        return (self.work_tree / path).read_text(encoding="utf-8")

    def remove(self, path: str) -> None:
        """Delete a file of the work tree."""
        (self.work_tree / path).unlink()

    def push(self, subject: str) -> str:
        """Commit everything in the work tree and push it; the commit."""
        self._git("add", "--all")
        self._git("commit", "-q", "-m", subject)
        self._git("push", "-q", "origin", "main")
        return self._git("rev-parse", "HEAD").strip()

    def _git(self, *arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments],
            cwd=self.work_tree,
            env=os.environ | _ENVIRONMENT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
