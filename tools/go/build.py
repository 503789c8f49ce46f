"""Build the Go programs that the tests and the demo run, once, into a cache outside the checkout.

    python3 tools/go/build.py FAMILY [FAMILY ...]

A family is a folder below ``tools/`` with a go.mod whose ``tool`` lines name the programs, which
may be the folder's own; one go.mod each, so that no program raises another's dependencies. The
folder of the finished programs is printed, one line a family. Needs nothing but Python and Go; runs
before there is a virtual environment.

Exit code 2 with a message when a program is missing and cannot be built.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
OLDEST_RESTIC = (0, 18)
# kube-apiserver and kubectl report this; without it they call themselves v0.0.0-master.
_KUBERNETES_FLAGS = "-X k8s.io/component-base/version.gitVersion={version} {strip}"
_STRIP = "-s -w"
# Without it promtool is linked with the clients of all clouds that Prometheus finds targets in.
_TAGS = {"github.com/prometheus/prometheus/cmd/promtool": "remove_all_sd"}
# Programs whose import path does not end with their name.
_NAMES = {
    "github.com/argoproj/argo-cd/v3/cmd": "argocd",
    "go.etcd.io/etcd/server/v3": "etcd",
    "sigs.k8s.io/kustomize/kustomize/v5": "kustomize",
}
# Folders of a program's module that its installation needs too: (module, folder).
_FOLDERS = {
    "flux": [("github.com/fluxcd/kustomize-controller", "config/crd/bases")],
    "argocd": [
        ("github.com/argoproj/argo-cd/v3", "manifests/crds"),
        ("github.com/argoproj/argo-cd/v3", "manifests/base/config"),
    ],
}


class BuildError(Exception):
    """A program is missing and cannot be built; the message says what to do."""


def cache_folder() -> Path:
    """Where built programs live: ``$STASHGEN_CACHE``, else ``stashgen`` in the user's cache."""
    configured = os.environ.get("STASHGEN_CACHE")
    if configured:
        return Path(configured)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "stashgen"


def ensure(family: str) -> Path:
    """The folder with a family's programs, built now unless they are there already.

    Raises:
        BuildError: Go is missing or the build failed.
    """
    source = HERE / family
    if not (source / "go.mod").is_file():
        raise BuildError(f"tools/{family}/go.mod does not exist")
    go = shutil.which("go")
    if go is None:
        if family == "restic":
            return _restic_on_path()
        raise BuildError(f"building tools/{family} requires Go, which is not on PATH")
    version = _output([go, "env", "GOVERSION"])
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum", *sorted(path.name for path in source.glob("*.go"))):
        if (source / name).is_file():  # a module without dependencies has no go.sum
            digest.update((source / name).read_bytes())
    digest.update(version.encode())
    folder = cache_folder() / "bin" / f"{family}-{digest.hexdigest()[:16]}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with Path(f"{folder}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.is_dir():
                _build(go, source, folder)
    return folder


def _build(go: str, source: Path, folder: Path) -> None:
    print(f"building tools/{source.name} (once, into {folder}) ...", file=sys.stderr, flush=True)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    environment = os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    module = json.loads(_output([go, "mod", "edit", "-json"], source))
    versions = {item["Path"]: item["Version"] for item in module.get("Require") or ()}
    for tool in module["Tool"]:
        path = tool["Path"]
        flags = _STRIP
        if path.startswith("k8s.io/kubernetes/"):
            version = versions["k8s.io/kubernetes"]
            flags = _KUBERNETES_FLAGS.format(version=version, strip=_STRIP)
        name = _NAMES.get(path, path.rsplit("/", 1)[-1])
        command = [go, "build", "-trimpath", f"-tags={_TAGS.get(path, '')}", f"-ldflags={flags}"]
        command += ["-o", str(partial / name), path]
        if subprocess.run(command, cwd=source, env=environment, check=False).returncode != 0:
            raise BuildError(f"go build {path} failed; its message is above")
    for name, part in _FOLDERS.get(source.name, ()):
        found = _output([go, "list", "-m", "-f", "{{.Dir}}", name], source)
        (partial / part).mkdir(parents=True)
        for path in Path(found, part).glob("*.yaml"):
            (partial / part / path.name).write_bytes(path.read_bytes())
    partial.rename(folder)


def _restic_on_path() -> Path:
    restic = shutil.which("restic")
    if restic is None:
        raise BuildError("neither Go (to build restic) nor restic >= 0.18 is on PATH")
    text = _output([restic, "version"])
    match = re.match(r"restic (\d+)\.(\d+)", text)
    found = (int(match[1]), int(match[2])) if match else (0, 0)
    if found < OLDEST_RESTIC:
        wanted = ".".join(map(str, OLDEST_RESTIC))
        raise BuildError(
            f"{restic} is {text!r}: restic >= {wanted} is required, because older "
            "versions have no exit codes for a wrong password or a locked repository; install Go "
            "to build it"
        )
    return Path(restic).parent


def _output(command: list[str], folder: Path = HERE) -> str:
    return subprocess.run(
        command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()


def main(families: list[str]) -> int:
    """Build what is asked for and print where it is."""
    try:
        for family in families:
            print(ensure(family))
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
