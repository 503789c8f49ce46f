"""Both distributions build, and what pip installs of them runs without the checkout.

Nothing is fetched: the build's own requirements and the dependencies are the environment's of the
tests. A ``.pth`` file shows them to a new one; those inside a folder that such a file names are not
read, so that the editable installations of the checkout stay out of sight.
"""

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_string
from email.message import Message
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from stashgen import HOMEPAGE, __version__
from tests.golden.golden import files_below

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "local-storage"
PACKAGES = {"stashgen": ROOT, "stashgen_controller": ROOT / "controller"}
_PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-cache-dir", "--quiet")
_UV = (sys.executable, "-m", "uv", "--quiet")
_FROM_FILES_ALONE = ("--no-index", "--no-deps")


@dataclass(frozen=True, slots=True)
class Built:
    """The files of one distribution."""

    sdist: Path
    wheel: Path


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment that holds both wheels, and a folder outside the checkout."""

    programs: Path
    site_packages: Path
    folder: Path

    def run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run an installed program; it must succeed."""
        # Neither the checkout nor the environment of the tests is to be found by the way.
        variables = {key: os.environ[key] for key in ("HOME", "TMPDIR") if key in os.environ}
        done = subprocess.run(
            [self.programs / program, *arguments],
            cwd=self.folder,
            env={**variables, "PATH": os.defpath},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr
        return done


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """What ``python -m build`` makes of each: an sdist, and a wheel out of that sdist."""
    folder = tmp_path_factory.mktemp("dist")
    builds = {
        name: subprocess.Popen(
            [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder / name, project],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for name, project in PACKAGES.items()
    }
    for build in builds.values():
        printed, _ = build.communicate(timeout=240)
        assert build.returncode == 0, printed
    return {
        name: Built(
            folder / name / f"{name}-{__version__}.tar.gz",
            folder / name / f"{name}-{__version__}-py3-none-any.whl",
        )
        for name in PACKAGES
    }


@pytest.fixture(scope="module")
def installed(built: dict[str, Built], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Both wheels in a new environment, installed by pip."""
    place = tmp_path_factory.mktemp("installed") / "venv"
    venv.create(place, symlinks=True)
    paths = sysconfig.get_paths("venv", {"base": str(place), "platbase": str(place)})
    site_packages = Path(paths["purelib"])
    dependencies = site_packages / "dependencies.pth"
    dependencies.write_text(f"{sysconfig.get_path('purelib')}\n", "utf-8")
    wheels = [item.wheel for item in built.values()]
    # What runs is compiled at its first start; the rest need not be.
    subprocess.run(
        [*_PIP, "--python", place, "install", "--no-compile", *_FROM_FILES_ALONE, *wheels],
        check=True,
        timeout=240,
    )
    return Installed(Path(paths["scripts"]), site_packages, tmp_path_factory.mktemp("elsewhere"))


@pytest.mark.parametrize("name", PACKAGES)
def test_sdist_holds_the_package_and_the_licence_and_no_link(
    name: str, built: dict[str, Built]
) -> None:
    with tarfile.open(built[name].sdist) as archive:
        members = archive.getmembers()
        licence = archive.extractfile(f"{name}-{__version__}/LICENSE")
        assert licence is not None
        assert licence.read() == (ROOT / "LICENSE").read_bytes()
    assert all(member.isfile() for member in members)
    assert {Path(member.name).parts[1] for member in members} == {
        *(".gitignore", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml", name)
    }


def test_pip_makes_the_same_wheels_of_the_sdists(built: dict[str, Built], tmp_path: Path) -> None:
    options = ("--no-build-isolation", "--wheel-dir", tmp_path)
    sdists = [item.sdist for item in built.values()]
    subprocess.run([*_PIP, "wheel", *_FROM_FILES_ALONE, *options, *sdists], check=True, timeout=240)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        item.wheel.name: item.wheel.read_bytes() for item in built.values()
    }


@pytest.mark.parametrize("name", PACKAGES)
def test_wheel_holds_every_module_template_and_the_licence(
    name: str, built: dict[str, Built]
) -> None:
    with zipfile.ZipFile(built[name].wheel) as archive:
        held = set(archive.namelist())
        licence = archive.read(f"{name}-{__version__}.dist-info/licenses/LICENSE")
    package = PACKAGES[name] / name
    files = {
        path.relative_to(PACKAGES[name]).as_posix()
        for pattern in ("*.py", "*.j2", "py.typed")
        for path in package.rglob(pattern)
    }
    assert f"{name}/py.typed" in files
    assert {path for path in held if not path.startswith(f"{name}-")} == files
    assert licence == (ROOT / "LICENSE").read_bytes()


@pytest.fixture(scope="module")
def tool(built: dict[str, Built], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of ``uv tool install 'stashgen[cluster]'``, from our wheels alone.

    uv resolves the real requirements; what others wrote is stood in for by wheels without content,
    and found in the environment of the tests.
    """
    folder = tmp_path_factory.mktemp("tool")
    wheels = folder / "wheels"
    wheels.mkdir()
    for item in built.values():
        shutil.copy(item.wheel, wheels)
    needed: set[str] = set()
    for name, item in built.items():
        _add_requirements(_metadata(name, item).get_all("Requires-Dist", []), {"cluster"}, needed)
    for name in needed:
        _without_content(name, wheels)
    variables = {key: os.environ[key] for key in ("HOME", "TMPDIR") if key in os.environ}
    done = subprocess.run(
        [*_UV, "tool", "install", "--no-index", "--find-links", wheels, "stashgen[cluster]"],
        cwd=folder,
        env=variables
        | {"UV_TOOL_DIR": str(folder / "tools"), "UV_TOOL_BIN_DIR": str(folder / "bin")}
        | {"UV_CACHE_DIR": str(folder / "cache"), "PATH": os.defpath},
        check=False,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    return folder / "bin"


def _metadata(name: str, item: Built) -> Message:
    with zipfile.ZipFile(item.wheel) as archive:
        text = archive.read(f"{name}-{__version__}.dist-info/METADATA").decode()
    return message_from_string(text)


def _add_requirements(texts: Iterable[str], extras: set[str], known: set[str]) -> None:
    """The names of what others wrote that is needed, and of what that needs."""
    for text in texts:
        wanted = Requirement(text)
        name = canonicalize_name(wanted.name)
        marker = wanted.marker
        applies = marker is None or any(marker.evaluate({"extra": one}) for one in {*extras, ""})
        if applies and not name.startswith("stashgen") and (name not in known or wanted.extras):
            known |= {name}
            _add_requirements(distribution(name).requires or (), wanted.extras, known)


def _without_content(name: str, folder: Path) -> None:
    """A wheel with a distribution's real metadata that only says where its modules are."""
    found = distribution(name)
    stem = f"{canonicalize_name(name).replace('-', '_')}-{found.version}"
    held = {
        f"{stem}.dist-info/METADATA": found.read_text("METADATA"),
        f"{stem}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{stem}.dist-info/RECORD": "",
        f"{name}.pth": f"{sysconfig.get_path('purelib')}\n",
    }
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        for path, content in held.items():
            archive.writestr(path, content or "")


def test_one_tool_brings_generator_cluster_commands_and_kubectl_plugin(tool: Path) -> None:
    for command in ("stashgen build", "stashgen status", "kubectl-stashgen"):
        program, *arguments = command.split()
        done = subprocess.run(
            [tool / program, *arguments, "--help"],
            env={"PATH": os.defpath},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"usage: {command.replace('kubectl-', 'kubectl ')}")


@pytest.mark.parametrize("name", PACKAGES)
def test_metadata_says_licence_home_and_pythons(name: str, built: dict[str, Built]) -> None:
    metadata = _metadata(name, built[name])
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Project-URL"] == f"Homepage, {HOMEPAGE}"
    pythons = SpecifierSet(metadata["Requires-Python"])
    assert {
        item.rpartition(" ")[2]
        for item in metadata.get_all("Classifier", [])
        if item.startswith("Programming Language")
    } == {f"3.{minor}" for minor in range(30) if f"3.{minor}" in pythons}


def test_modules_are_the_installed_ones(installed: Installed) -> None:
    code = (
        "import stashgen as a, stashgen_controller as b; print(a.__file__, b.__file__, sep='\\n')"
    )
    assert installed.run("python", "-c", code).stdout.splitlines() == [
        str(installed.site_packages / name / "__init__.py") for name in PACKAGES
    ]


@pytest.mark.parametrize(
    "command",
    [
        "stashgen",
        "stashgen status",  # a verb that the controller's distribution adds
        "stashgen-controller",
        "stashgen-worker",
        "kubectl-stashgen",
    ],
)
def test_installed_program_starts_outside_the_checkout(command: str, installed: Installed) -> None:
    assert installed.run(*command.split(), "--help").stdout.startswith("usage: ")


def test_installed_build_writes_what_the_example_shows(installed: Installed) -> None:
    project = shutil.copytree(EXAMPLE, installed.folder / "project")
    shutil.rmtree(project / "rendered")
    installed.run("stashgen", "build", "--project", project)
    assert files_below(project / "rendered") == files_below(EXAMPLE / "rendered")
