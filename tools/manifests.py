"""Write the manifests that are made from code: CRDs, Addon, Functions, and the roles.

usage: python tools/manifests.py [--check]
"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from stashgen.api.base import JsonObject
from stashgen.api.crd import crd_for
from stashgen.api.definitions import DEFINITIONS
from stashgen.api.strict_mode import CONTROLLER_ACCOUNT, CONTROLLER_NAMESPACE, JOBS_ROLE
from stashgen.kubestash import addons
from stashgen.render.namespace import namespace_objects
from stashgen.yaml import emitter
from stashgen_controller.kinds.permissions import (
    OF_LEADER_ELECTION,
    cluster_permissions,
    job_permissions,
    rules,
    strict_permissions,
)
from stashgen_controller.runtime.permission import Permission

DEPLOY = Path(__file__).resolve().parent.parent / "controller" / "deploy"


def manifests() -> dict[Path, str]:
    """Every generated file with its text."""
    found = {}
    for definition in DEFINITIONS:
        resource = definition.resource
        path = DEPLOY / "crds" / f"{resource.group}_{resource.plural}.yaml"
        found[path] = emitter.emit(crd_for(definition))
    for item in (addons.pvc_addon(), addons.pvc_backup(), addons.pvc_restore()):
        path = DEPLOY / "addons" / f"{item.kind.lower()}-{item.metadata.name}.yaml"
        found[path] = emitter.emit(item.to_wire())
    return found


def roles() -> dict[Path, str]:
    """The controller's roles, and those that a namespace with plain KubeStash manifests needs."""
    everywhere = _role("ClusterRole", "stashgen-controller", None, cluster_permissions())
    at_home = _role("Role", "stashgen-controller", CONTROLLER_NAMESPACE, OF_LEADER_ELECTION)
    # Replaces the rules of the first; the second is bound by what the compiler writes.
    in_strict_mode, _ = _role("ClusterRole", "stashgen-controller", None, strict_permissions())
    where_it_is_bound, _ = _role("ClusterRole", JOBS_ROLE, None, job_permissions())
    granted = [_without_wave(item) for item in namespace_objects("default", {})]
    return {
        DEPLOY / "controller" / "rbac.yaml": emitter.emit_all([*everywhere, *at_home]),
        DEPLOY / "strict" / "rbac.yaml": emitter.emit(in_strict_mode),
        DEPLOY / "strict" / "jobs_role.yaml": emitter.emit(where_it_is_bound),
        DEPLOY / "namespace" / "rbac.yaml": emitter.emit_all(granted),
    }


def _role(
    kind: str, name: str, namespace: str | None, permissions: Iterable[Permission]
) -> list[JsonObject]:
    """A role with its binding to the controller's ServiceAccount."""
    group = "rbac.authorization.k8s.io"
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    account = {
        "kind": "ServiceAccount",
        "name": CONTROLLER_ACCOUNT,
        "namespace": CONTROLLER_NAMESPACE,
    }
    found = [
        {
            "apiVersion": f"{group}/v1",
            "kind": kind,
            "metadata": metadata,
            "rules": rules(permissions),
        },
        {
            "apiVersion": f"{group}/v1",
            "kind": f"{kind}Binding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": kind, "name": name},
            "subjects": [account],
        },
    ]
    return cast("list[JsonObject]", found)


def _without_wave(obj: JsonObject) -> JsonObject:
    """An object for people to apply: the order of a sync is not known to it."""
    metadata = cast("JsonObject", obj["metadata"])
    return obj | {"metadata": {k: v for k, v in metadata.items() if k != "annotations"}}


def main() -> int:
    """Write the files, or with ``--check`` say which are not fresh."""
    wanted = manifests() | roles()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"stale: {path.relative_to(DEPLOY.parent.parent)}; run make manifests")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
