"""Where the project is: the folder that is named, or the nearest one from here upwards."""

from pathlib import Path

from stashgen.diagnostics import UsageError
from stashgen.load import PROJECT_FILE


def project_folder(given: Path | None) -> Path:
    """The folder with ``stashgen.yaml``, relative to where the command runs, as git finds its own.

    Args:
        given: The folder that the command line names; it is taken as it is.

    Raises:
        UsageError: no folder from here upwards has one.
    """
    if given is not None:
        return given
    here = Path.cwd()
    for steps, folder in enumerate((here, *here.parents)):
        if (folder / PROJECT_FILE).is_file():
            return Path(*[".."] * steps)
    raise UsageError(
        f"there is no {PROJECT_FILE} in {here} nor in a folder above it; --project names its "
        "folder, and stashgen init makes one"
    )
