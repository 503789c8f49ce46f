"""Whatever disappears from the inputs, no build deletes a protected volume with exit code 0."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stashgen.cli.main import run
from stashgen.model.inventory import VolumeKey
from stashgen.output.header import record_of

ROOT = Path(__file__).parents[2]
PROJECTS = {
    **{
        path.name: path
        for path in sorted((ROOT / "examples").iterdir())
        if (path / "rendered").is_dir()
    },
    **{
        name: ROOT / "tests" / "golden" / "cases" / name / "input"
        for name in ("retired", "up-to-date", "lost-volumes")
    },
}


def _protected(output: Path) -> set[tuple[VolumeKey, str]]:
    """Every history that the output has, retired or not."""
    records = [record_of(path.read_bytes()) for path in output.rglob("*.yaml")]
    return {
        (record.volume, repository)
        for record in records
        if record is not None
        for repository in record.repositories
    }


def _inputs(project: Path) -> list[Path]:
    files = [path for path in sorted(project.rglob("*")) if path.is_file()]
    return [path for path in files if "rendered" not in path.relative_to(project).parts]


def _damages(content: bytes) -> Iterator[bytes | None]:
    """Without the file; empty; a comment; cut in the middle; without each of its documents."""
    yield None
    yield b""
    yield b"# nothing\n"
    yield content[: len(content) // 2]
    documents = content.split(b"\n---\n")
    for index in range(len(documents)):
        yield b"\n---\n".join(documents[:index] + documents[index + 1 :])


def _attempt(project: Path) -> None:
    before = _protected(project / "rendered")
    assert before
    if run(["build", "--project", str(project)]) == 0:
        assert _protected(project / "rendered") >= before
    else:
        assert _protected(project / "rendered") == before


@pytest.mark.parametrize("name", PROJECTS)
def test_no_input_can_go_and_take_a_protected_volume_along(name: str, tmp_path: Path) -> None:
    for index, path in enumerate(_inputs(PROJECTS[name])):
        content = path.read_bytes()
        for number, damage in enumerate(_damages(content)):
            project = tmp_path / f"{index}-{number}"
            shutil.copytree(PROJECTS[name], project)
            target = project / path.relative_to(PROJECTS[name])
            if damage is None:
                target.unlink()
            else:
                target.write_bytes(damage)
            _attempt(project)
            shutil.rmtree(project)


@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_lines_can_go_and_take_a_protected_volume_along(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    source = PROJECTS[data.draw(st.sampled_from(sorted(PROJECTS)))]
    project = tmp_path_factory.mktemp("any") / "project"
    shutil.copytree(source, project)
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(_inputs(project)))
        lines = path.read_bytes().splitlines(keepends=True)
        first = data.draw(st.integers(0, len(lines)))
        last = data.draw(st.integers(first, min(len(lines), first + 12)))
        path.write_bytes(b"".join(lines[:first] + lines[last:]))
    _attempt(project)
    shutil.rmtree(project)
