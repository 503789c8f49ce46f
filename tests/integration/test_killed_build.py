"""A build that is killed: real processes, SIGKILL, a real disk."""

import signal
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath

from stashgen.output.header import with_header
from stashgen.output.tree import read_output, write_tree

OURS = with_header("test", None, b"")
KILLED = """
import sys
from pathlib import Path, PurePosixPath
from stashgen.output.header import with_header
from stashgen.output.tree import read_output, write_tree
body = with_header("test", None, b"x" * 100_000)
for n in range(1000):
    files = {PurePosixPath(f"{i % 7}/{i}"): body + str(n).encode() for i in range(200)}
    write_tree(read_output(Path(sys.argv[1]), "test"), files)
"""


def test_a_killed_build_leaves_no_half_written_file_and_is_completed_by_the_next(
    tmp_path: Path,
) -> None:
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)]) as process:
            while not any(tmp_path.iterdir()):
                assert process.poll() is None
                time.sleep(0.01)
            time.sleep(0.15)
            process.send_signal(signal.SIGKILL)
        assert all(
            content[len(OURS) :].lstrip(b"x").isdigit() and len(content) > 100_000
            for content in read_output(tmp_path, "test").generated.values()
        )
    assert write_tree(read_output(tmp_path, "test"), {PurePosixPath("a"): OURS}).ok
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]
