"""Who may import whom: the contracts of pyproject.toml hold, and start-up stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter import cli

ROOT = Path(__file__).parents[2]
# What the controller may use of the generator: the shared rules, the YAML reader and emitter.
_SHARED = {"__version__", "api", "cron", "diagnostics", "kubestash", "yaml"}


def _imported(path: Path) -> set[str]:
    """The names below ``stashgen`` that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "stashgen":
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("stashgen."):
            found.add(str(node.module).split(".")[1])
        elif isinstance(node, ast.Import):
            found |= {
                alias.name.split(".")[1]
                for alias in node.names
                if alias.name.startswith("stashgen.")
            }
    return found


def test_import_contracts_hold(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    status = cli.lint_imports(no_cache=True)
    assert status == cli.EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_controller_imports_nothing_else_of_the_generator() -> None:
    files = sorted((ROOT / "controller" / "stashgen_controller").rglob("*.py"))
    assert len(files) > 40
    strangers = {
        str(path.relative_to(ROOT)): sorted(_imported(path) - _SHARED)
        for path in files
        if not _imported(path) <= _SHARED
    }
    assert strangers == {}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("stashgen_controller.worker.main", "kubernetes urllib3 jsonschema_rs cel_expr_python"),
        # In a pod; a kubeconfig needs it.
        ("stashgen_controller.process.main", "kubernetes requests yaml"),
        ("stashgen_controller.kubectl.main", "kubernetes urllib3 prometheus_client ruamel jinja2"),
        ("stashgen.cli.main", "importlib.metadata pydantic ruamel"),
        ("stashgen.kubestash.pods.templates", "kubernetes fsspec ruamel croniter jinja2"),
        ("stashgen.diagnostics", "pydantic ruamel croniter jinja2"),
    ],
)
def test_importing_does_not_load_what_is_not_needed(module: str, heavy: str) -> None:
    code = f"import sys, {module}; print([m for m in {heavy.split()} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
