"""Render with kustomize, or with the one in kubectl."""

from pathlib import Path

from stashgen.recorder.programs import find_program, run_program

KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
# As Flux runs it: a kustomization may name files outside its folder.
_UNRESTRICTED = ("--load-restrictor", "LoadRestrictionsNone")


def build(folder: str, root: Path, *, is_restricted: bool = True) -> bytes:
    """What ``kustomize build`` prints for a folder, relative to ``root``.

    Raises:
        ToolError: there is neither kustomize nor kubectl, or it fails.
    """
    program = find_program("kustomize", "kubectl")
    verb = "build" if program == "kustomize" else "kustomize"
    return run_program([program, verb, folder, *(() if is_restricted else _UNRESTRICTED)], root)
