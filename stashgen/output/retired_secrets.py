"""Keys of retired histories that the policies' ExternalSecrets would replace."""

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from stashgen.api.base import JsonObject, mapping_of, name_of
from stashgen.api.repository import Repository
from stashgen.diagnostics import Finding, Severity, quote
from stashgen.model.history import History, Previous, RetiredHistory
from stashgen.model.manifest import Manifest, secret_file
from stashgen.output.damage import Code
from stashgen.yaml.documents import read_documents

_BROUGHT = "ExternalSecret"
# What decides which values a Secret gets.
_CONTENT = ("secretStoreRef", "data")


def retired_secrets(
    retired: Iterable[RetiredHistory], manifests: Iterable[Manifest], before: Iterable[Previous]
) -> Iterator[Finding]:
    """An error for each retired repository whose encryption key would be read from elsewhere.

    Its Secret has the name of one that the policies bring, and only one can be there: the next
    refresh would replace the key, and nothing could open the repository any more.

    Args:
        retired: What is kept.
        manifests: All objects of the output.
        before: The folders that contain the retired histories.
    """
    folders = {previous.root: previous.files for previous in before}
    wanted = tuple(retired)
    namespaces = {one.folder for one in wanted}
    beside = [manifest for manifest in manifests if manifest.path.parent in namespaces]
    made = {manifest.path: manifest.data for manifest in beside if manifest.kind == _BROUGHT}
    keys = {
        (manifest.path.parent, name_of(manifest.data)): _key_of(manifest.data)
        for manifest in beside
        if manifest.kind == "Repository"
    }
    for one in wanted:
        secret = keys.get((one.folder, one.history.repository), "")
        file = secret_file(secret)
        new = made.get(one.folder / file)
        content = folders[one.history.root].get(one.history.path.parent / file)
        if new is None or content is None:
            continue
        old = read_documents(content, PurePosixPath(file)).value
        if not old or _content(old[0].data) != _content(new):
            yield _finding(secret, one.history)


def _key_of(repository: JsonObject) -> str:
    reference = Repository.from_wire(repository).spec.encryption_secret
    return (reference.name if reference is not None else None) or ""


def _content(external_secret: JsonObject) -> list[object]:
    spec = mapping_of(external_secret, "spec")
    return [spec.get(field) for field in _CONTENT]


def _finding(secret: str, history: History) -> Finding:
    return Finding(
        Code.RETIRED_KEY,
        Severity.ERROR,
        history.position,
        "",
        f"the key of the retired repository {quote(history.repository)} would be replaced: Secret "
        f"{quote(secret)} would be read from another store or key",
        "with another key nothing can open the repository that is kept to restore from it",
        "give the policy's encryption another secretName, or end the retired history first",
    )
