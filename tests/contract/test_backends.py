"""The registry of storage providers is complete, and nothing else names a provider."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

import pytest

from stashgen.api import backup_storage as api
from stashgen.api.base import JsonObject, Model
from stashgen.kubestash.backends import BACKENDS, FLAG_NAMES, Backend, required_backend
from stashgen.policy import storage as policy
from stashgen_controller.worker import storage as worker
from stashgen_controller.worker.storage import local, s3
from stashgen_controller.worker.storage.base import ResticAccess, StorageError

ROOT = Path(__file__).parents[2]
MODULES: Mapping[str, worker.ProviderModule] = {"local": local, "s3": s3}
BLOCKS: Mapping[str, JsonObject] = {
    "local": {"emptyDir": {}},
    "s3": {"bucket": "b", "region": "r", "secretName": "keys"},
}
# The schemas, the language's rules and the registry; besides them a provider's own modules.
_MAY_NAME = {
    "stashgen/api/backup_storage.py",
    "stashgen/kubestash/backends/__init__.py",
    "stashgen/policy/storage.py",
    "stashgen/validate/backends.py",
    "stashgen/validate/unsupported.py",
}


def test_every_provider_has_a_module_in_the_worker_and_a_block_in_the_tests() -> None:
    assert MODULES.keys() == BACKENDS.keys() == BLOCKS.keys()


def test_every_provider_is_kubestashs_and_can_be_written_in_a_policy() -> None:
    assert BACKENDS.keys() <= api.Backend.model_fields.keys()
    assert get_args(policy.Backend.model_fields["provider"].annotation) == tuple(BACKENDS)
    assert policy.Backend.model_fields.keys() == {"provider", *BACKENDS}


@pytest.mark.parametrize("provider", BACKENDS)
def test_a_policys_block_has_fields_of_kubestashs(provider: str) -> None:
    ours = _fields(policy.Backend, provider)
    # What KubeStash's block cannot say is an annotation of the BackupStorage.
    own = BACKENDS[provider].own_fields.keys()
    assert ours - own <= _fields(api.Backend, provider)
    assert own <= ours - _fields(api.Backend, provider)
    assert BACKENDS[provider].cluster_field in ours


def _fields(model: type[Model], provider: str) -> set[str]:
    block = get_args(model.model_fields[provider].annotation)[0]
    return {field.alias or name for name, field in block.model_fields.items()}


def _backend(provider: str) -> Backend:
    storage = {"provider": provider, provider: BLOCKS[provider]}
    return required_backend(api.Backend.model_validate(storage))


def test_addresses_and_flags_are_told_apart() -> None:
    prefixes = [backend.url_prefix for backend in BACKENDS.values()]
    assert not [
        (one, other)
        for one in prefixes
        for other in prefixes
        if one is not other and one.startswith(other)
    ]
    assert len(FLAG_NAMES) == len(set(FLAG_NAMES))


@pytest.mark.parametrize("provider", BACKENDS)
def test_the_worker_opens_what_a_pod_is_told(provider: str, tmp_path: Path) -> None:
    backend = _backend(provider)
    assert set(backend.flags()) <= set(backend.flag_names)
    for key in backend.secret_keys:
        (tmp_path / key).write_text("value", encoding="utf-8")
    opened = worker.open_storage(backend.url(), backend.flags(), tmp_path)
    assert isinstance(opened.access, ResticAccess)
    assert opened.address("a/b").endswith("/a/b")


@pytest.mark.parametrize("provider", [name for name, one in BACKENDS.items() if one.secret_keys])
def test_keys_that_are_not_there_are_missed(provider: str, tmp_path: Path) -> None:
    backend = _backend(provider)
    with pytest.raises(StorageError) as missed:
        worker.open_storage(backend.url(), backend.flags(), tmp_path)
    assert missed.value.reason.value == "SecretMissing"


def test_an_address_of_no_provider_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="is not a storage address"):
        worker.open_storage("gs:bucket", {}, tmp_path)


def test_nothing_else_names_a_provider() -> None:
    strangers = [
        str(path.relative_to(ROOT))
        for folder in ("stashgen", "controller/stashgen_controller")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if str(path.relative_to(ROOT)) not in _MAY_NAME and path.stem not in BACKENDS
        if any(_names_a_provider(text) for text in _texts(path))
    ]
    assert strangers == []


def _texts(path: Path) -> Iterator[str]:
    """The string literals of a file that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def _names_a_provider(text: str) -> bool:
    return any(
        text == name or f".{name}." in text or text.startswith(f"{name}:") for name in BACKENDS
    )
