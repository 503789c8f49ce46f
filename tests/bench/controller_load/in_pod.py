"""Run a module as in a pod: ``in_pod ACCOUNT MODULE [ARGS]``.

ACCOUNT is the folder that a pod would have its ServiceAccount in. So the controller is measured
with what it loads there.
"""

import runpy
import sys
from pathlib import Path

from stashgen_controller.kube import connection


def main(account: str, module: str, *arguments: str) -> None:
    """Run the module as a program."""
    connection.ACCOUNT = Path(account)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
