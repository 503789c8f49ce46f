"""Whether a volume has all data of a snapshot: restic reads it and compares every byte.

A trial restore (``--dry-run``) reports each file: ``unchanged`` where the content is that of the
snapshot, ``updated`` or ``restored`` where it would write it. Of what has no content of its own
(folders, links, pipes, a further name of a file) it only reports the name. It needs the folders of
the repository and none of the data.
"""

import os
from dataclasses import dataclass, field

from stashgen.api.shared import AffectedFiles
from stashgen_controller.protocol.run_result import ErrorClass
from stashgen_controller.worker.restic.complaints import Complaints
from stashgen_controller.worker.restic.process import Restic, ResticError

# JSON has no way to spell a name that is not UTF-8.
_UNSPELLABLE = "\ufffd"


@dataclass(slots=True)
class _Comparison:
    """What restic has reported so far."""

    reported: int = 0
    differing: Complaints = field(default_factory=Complaints)

    def take(self, message: dict[str, object]) -> None:
        """Look at one file."""
        if message.get("message_type") != "verbose_status":
            return
        self.reported += 1
        if message.get("action") == "unchanged":
            return
        item = str(message.get("item") or "")
        is_content = message.get("action") != "restored" or message.get("size")
        if is_content or not (_UNSPELLABLE in item or os.path.lexists(item)):
            self.differing.add(item, "")


def differing_files(restic: Restic, id_: str, root: str) -> AffectedFiles | None:
    """What is not in the volume, or not with the snapshot's content; None if all of it is.

    Args:
        restic: The snapshot's repository.
        id_: The snapshot.
        root: Names are below this folder.

    Raises:
        ResticError: it could not be compared, or restic does not account for every file.
    """
    found = _Comparison()
    command = ("restore", "--target=/", "--dry-run", "--verbose=2", "--", id_)
    outcome = restic.run(*command, on_progress=found.take)
    summary = outcome.output.last("summary") or {}
    counts = [summary.get(name) or 0 for name in ("total_files", "files_skipped")]
    if found.reported != sum(int(str(count)) for count in counts) or not found.reported:
        msg = f"restic compared {found.reported} files of {counts}: it is not known what is there"
        raise ResticError(ErrorClass.TARGET_REFUSED, msg, outcome.output)
    return found.differing.files(root)
