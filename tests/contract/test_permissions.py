"""The controller's roles are what its code asks the API server for: nothing is missing or spare."""

import ast
import importlib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest
import yaml

import stashgen_controller
from stashgen.api import resources
from stashgen.api.meta import Kind
from stashgen.api.resources import Resource
from stashgen.api.strict_mode import JOBS_ROLE, OWNERS, WRITES
from stashgen_controller.kinds import KINDS, WATCHED, permissions
from stashgen_controller.listers.indexes import INDEXES, MALFORMED
from stashgen_controller.runtime.kind import CoveringIndex, Index
from stashgen_controller.runtime.permission import Permission
from tests.support.world import KIND_OF, RECONCILED
from tools.manifests import DEPLOY, roles

_ROOT = Path(stashgen_controller.__file__).parent
_ACTIONS = {"Create": ("create",), "Patch": ("patch",), "Delete": ("delete",)}
_CALLS = {"replace": "update"}
_READER = {"by", "get", "has", "items", "places", "stored", "values"}
# The loop, which is told what to write by an action, and what the loop itself stands on.
_LOOP = {"runtime.apply", "runtime.cache", "kube.client", "kube.informer", "runtime.manager"}
_Asked = dict[str, set[str]]


def _path(module: str) -> Path:
    path = _ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _tree(module: str) -> ast.Module:
    return ast.parse(_path(module).read_text(encoding="utf-8"))


def _imports(module: str) -> Iterator[str]:
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(
            "stashgen_controller"
        ):
            base = str(node.module).removeprefix("stashgen_controller").lstrip(".")
            for alias in node.names:
                full = f"{base}.{alias.name}" if base else alias.name
                yield full if _path(full).is_file() else base


def _reachable(module: str) -> set[str]:
    """The module and all of ours that it imports, the loop aside."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name and name not in found and name not in _LOOP:
            found.add(name)
            waiting += _imports(name)
    return found


def _resource(node: ast.Call, where: str) -> Resource:
    """The constant that is a call's first argument."""
    first = node.args[0] if node.args else None
    assert isinstance(first, ast.Name), f"{where}:{node.lineno}: a resource must be a constant"
    return cast("Resource", getattr(resources, first.id))


def _calls(module: str) -> Iterator[ast.Call]:
    yield from (node for node in ast.walk(_tree(module)) if isinstance(node, ast.Call))


def _actions(kind: Resource) -> _Asked:
    """What a kind's code has done: the actions that it and what it imports decide."""
    asked: _Asked = defaultdict(set)
    for module in _reachable(f"kinds.{_module_of(kind)}"):
        for call in _calls(module):
            if isinstance(call.func, ast.Name) and call.func.id in _ACTIONS:
                asked[_resource(call, module).plural].update(_ACTIONS[call.func.id])
    return asked


def _module_of(kind: Resource) -> str:
    module = cast("ModuleType", KIND_OF[kind].decide).__module__
    return str(module).partition(".kinds.")[2]


def _declared(items: tuple[Permission, ...], part: str = "") -> _Asked:
    asked: _Asked = defaultdict(set)
    for item in items:
        if item.part == part:
            asked[item.resource.plural].update(item.verbs)
    return asked


@pytest.mark.parametrize("kind", RECONCILED, ids=lambda kind: kind.kind)
def test_a_kind_declares_what_its_code_does(kind: Resource) -> None:
    assert _actions(kind) == _declared(permissions.OF_KINDS[kind])


@pytest.mark.parametrize("kind", RECONCILED, ids=lambda kind: kind.kind)
def test_a_kind_writes_its_own_status_only(kind: Resource) -> None:
    declared = _declared(permissions.OF_KINDS[kind], "status")
    assert declared == {kind.plural: {"update"}}


def test_a_kind_that_owns_others_may_block_their_deletion() -> None:
    owners = {
        kind.plural
        for kind, items in permissions.OF_KINDS.items()
        # What a RestoreRequest makes outlives it.
        if any("create" in item.verbs for item in items) and kind != resources.RESTORE_REQUESTS
    }
    declared = [item for items in permissions.OF_KINDS.values() for item in items]
    assert _declared(tuple(declared), "finalizers") == {plural: {"update"} for plural in owners}


def _read() -> Iterator[object]:
    """What kinds ask a reader for: models, resources and indexes."""
    for kind in RECONCILED:
        for module in _reachable(f"kinds.{_module_of(kind)}"):
            names = vars(importlib.import_module(f"stashgen_controller.{module}"))
            for call in _calls(module):
                func = call.func
                if (
                    isinstance(func, ast.Attribute)
                    and func.attr in _READER
                    and isinstance(func.value, ast.Name)
                    and func.value.id == "reader"
                    and isinstance(call.args[0], ast.Name)
                    and call.args[0].id in names
                ):
                    yield names[call.args[0].id]


def test_what_the_code_reads_is_watched() -> None:
    watched = {model.resource for model in WATCHED}
    assert set(permissions.OF_KINDS) == set(RECONCILED)
    assert {watch.model.resource for kind in KINDS for watch in kind.watches} <= watched
    read, indexes = set(), set()
    for item in _read():
        if isinstance(item, Index | CoveringIndex):
            indexes.add(item)
            read.add(item.model.resource)
        else:
            read.add(item if isinstance(item, Resource) else cast("type[Kind]", item).resource)
    assert read <= watched
    assert len(read) > 10
    assert indexes <= set(INDEXES)
    assert len(indexes) > 10


@pytest.mark.parametrize(
    ("modules", "declared"),
    [
        (
            ("kube.events", "observability.events", "process.other_operator"),
            permissions.OF_THE_PROCESS,
        ),
        (("kube.leader_election",), permissions.OF_LEADER_ELECTION),
        (("strict.self_check",), permissions.OF_ADMISSION_CHECK),
    ],
)
def test_the_process_declares_what_it_asks_for(
    modules: tuple[str, ...], declared: tuple[Permission, ...]
) -> None:
    asked: _Asked = defaultdict(set)
    for module in modules:
        for call in _calls(module):
            func = call.func
            if isinstance(func, ast.Attribute) and ast.unparse(func.value).endswith("client"):
                asked[_resource(call, module).plural].add(_CALLS.get(func.attr, func.attr))
    assert asked == _declared(declared)


def test_nobody_else_talks_to_the_api_server() -> None:
    users: set[str] = set()
    for path in sorted(_ROOT.rglob("*.py")):
        module = ".".join(path.relative_to(_ROOT).with_suffix("").parts)
        # kubectl has its user's rights and not the controller's.
        if module.split(".")[0] in {"embedded", "worker", "kubectl"}:
            continue
        for node in ast.walk(_tree(module)):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module == "stashgen_controller.kube.client"
            ):
                users.update(module for alias in node.names if alias.name == "Client")
    known = {
        "kube.events",
        "kube.leader_election",
        "observability.events",
        "process.other_operator",
        "strict.self_check",
    }
    assert users == known | {"kube.informer", "process.main"} | {
        "runtime.apply",
        "runtime.cache",
        "runtime.manager",
        "runtime.reconcile",
    }


def test_committed_roles_are_what_the_code_declares() -> None:
    for path, text in roles().items():
        assert path.read_text(encoding="utf-8") == text, f"run make manifests: {path.name}"
    written = {*DEPLOY.rglob("rbac.yaml"), *DEPLOY.rglob("*_role.yaml")}
    assert written == roles().keys()


def test_nothing_secret_and_no_role_is_within_reach() -> None:
    everything = (*permissions.cluster_permissions(), *permissions.OF_LEADER_ELECTION)
    touched = {item.name for item in everything}
    forbidden = ("secrets", "roles", "rolebindings", "clusterroles", "pods/exec", "tokenrequests")
    assert not [name for name in touched if name.startswith(forbidden)]
    assert not [item for item in everything if {*item.verbs} & {"*", "bind", "escalate"}]
    written = {
        item.resource.plural
        for item in everything
        if {*item.verbs} - {"get", "list", "watch"} and item.resource not in resources.CUSTOM
    }
    assert written == {"jobs", "cronjobs", "serviceaccounts", "events", "leases"}


_OPERATIONS = {"create": "CREATE", "update": "UPDATE", "patch": "UPDATE", "delete": "DELETE"}


def test_what_strict_mode_lets_the_controller_write_is_what_its_code_writes() -> None:
    """A new write needs a place in one of two lists: the policy's, or that of plain manifests."""
    strict = (
        *permissions.strict_permissions(),
        *permissions.job_permissions(),
        *permissions.OF_LEADER_ELECTION,
    )
    # Nobody writes to the subresource finalizers: it is asked for by another admission plugin.
    written = {
        f"{item.resource.group}/{item.name} {_OPERATIONS[verb]}"
        for item in strict
        if item.part != "finalizers"
        for verb in item.verbs
        if verb in _OPERATIONS
    }
    assert written == set(WRITES)
    assert list(WRITES) == sorted(WRITES)


def test_in_strict_mode_jobs_are_made_only_where_a_compiled_binding_lets_it() -> None:
    everywhere = permissions.strict_permissions()
    for resource in (resources.JOBS, *permissions.OF_PLAIN_MANIFESTS):
        verbs = {
            verb
            for item in everywhere
            if item.resource == resource and not item.part
            for verb in item.verbs
        }
        # One is asked for where the caches do not show it, or after a look that failed.
        is_asked_for = resource in {resources.JOBS, *permissions.OF_KINDS}
        wanted = {"get"} if is_asked_for else set()
        assert verbs == {"list", "watch"} | wanted
    by_binding = {verb for item in permissions.job_permissions() for verb in item.verbs}
    assert by_binding == {"create", "delete"}
    (role,) = yaml.safe_load_all((DEPLOY / "strict" / "jobs_role.yaml").read_text("utf-8"))
    assert role["metadata"]["name"] == JOBS_ROLE


def test_owners_of_jobs_are_those_that_the_policy_knows() -> None:
    owners = {
        f"{kind.api_version} {kind.kind}"
        for kind, items in permissions.OF_KINDS.items()
        if any(item.resource == resources.JOBS and "create" in item.verbs for item in items)
    }
    assert owners == set(OWNERS)


def test_every_kind_is_looked_for_among_the_malformed() -> None:
    assert {index.model for index in MALFORMED} == {kind.model for kind in KINDS}
