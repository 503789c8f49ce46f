"""Write the manifests that are made from code: CRDs, Addon and Functions.

usage: python tools/generate_manifests.py [--check]
"""

import sys
from pathlib import Path

from stashgen import yaml_out
from stashgen.api.crd import crd_for
from stashgen.api.definitions import DEFINITIONS
from stashgen.kubestash import addons

DEPLOY = Path(__file__).resolve().parent.parent / "controller" / "deploy"


def manifests() -> dict[Path, str]:
    """Every generated file with its text."""
    found = {}
    for definition in DEFINITIONS:
        resource = definition.resource
        path = DEPLOY / "crds" / f"{resource.group}_{resource.plural}.yaml"
        found[path] = yaml_out.emit(crd_for(definition))
    for item in (addons.pvc_addon(), addons.pvc_backup(), addons.pvc_restore()):
        path = DEPLOY / "addons" / f"{item.kind.lower()}-{item.metadata.name}.yaml"
        found[path] = yaml_out.emit(item.to_wire())
    return found


def main() -> int:
    """Write the files, or with ``--check`` say which are not fresh."""
    wanted = manifests()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"stale: {path.relative_to(DEPLOY.parent.parent)}; run make generate")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
