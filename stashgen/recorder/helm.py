"""Render releases of charts that are at hand, with helm."""

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from stashgen.recorder.programs import run_program
from stashgen.yaml.emitter import emit
from stashgen.yaml.nodes import Json


def template(chart: str, release: str, namespace: str, values: Iterable[str], root: Path) -> bytes:
    """What ``helm template`` prints.

    Args:
        chart: The chart's folder or archive, relative to ``root``.
        release: The release's name.
        namespace: Its namespace.
        values: Files of values, relative to ``root``; the last one wins.
        root: Where helm runs.

    Raises:
        ToolError: there is no helm, or it fails.
    """
    # A name alone would be looked up in a repository.
    arguments = ["helm", "template", release, f"./{chart}", "--namespace", namespace]
    for path in values:
        arguments += ["--values", path]
    return run_program([*arguments, "--skip-tests"], root)


def template_with(
    chart: str, release: str, namespace: str, values: Mapping[str, Json], root: Path
) -> bytes:
    """The same with values that are in no file."""
    with tempfile.TemporaryDirectory(prefix="stashgen-") as folder:
        path = Path(folder, "values.yaml")
        path.write_text(emit(dict(values)), encoding="utf-8")
        return template(chart, release, namespace, [str(path)], root)
