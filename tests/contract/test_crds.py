"""The committed CRDs, Addon and Functions are what the models say, and are structural."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import cast

import pytest
import yaml
from cel_expr_python import cel

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.apiserver.schema import RESERVED, Schema, without_escapes
from tests.support import one_volume
from tools.manifests import DEPLOY, manifests

_CRDS: dict[str, JsonObject] = {
    crd["spec"]["names"]["kind"]: crd
    for crd in (
        yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader)
        for path in (DEPLOY / "crds").iterdir()
    )
}
_TYPES = {"object", "array", "string", "integer", "boolean", "number"}
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_INT_OR_STRING = "x-kubernetes-int-or-string"
_KEYWORDS = {
    "type", "format", "enum", "default", "minimum", "pattern", "description", "properties", "items",
    "required", "additionalProperties", _PRESERVE, _INT_OR_STRING, "x-kubernetes-validations",
}  # fmt: skip
_STORAGE, _CORE, _ADDONS = (f"{name}.kubestash.com" for name in ("storage", "core", "addons"))
_ALL, _SOME = "kubestash appscode all", "kubestash appscode"
_OURS = "stashgen.dev"
# Kind: group, plural, short name, scope, categories, status subresource.
_IDENTITY = {
    "BackupStorage": (_STORAGE, "backupstorages", "", "Namespaced", _ALL, True),
    "Repository": (_STORAGE, "repositories", "repo", "Namespaced", _ALL, True),
    "RetentionPolicy": (_STORAGE, "retentionpolicies", "", "Namespaced", _SOME, False),
    "Snapshot": (_STORAGE, "snapshots", "", "Namespaced", _SOME, True),
    "BackupConfiguration": (_CORE, "backupconfigurations", "bc", "Namespaced", _ALL, True),
    "BackupSession": (_CORE, "backupsessions", "", "Namespaced", _ALL, True),
    "RestoreSession": (_CORE, "restoresessions", "restore", "Namespaced", _ALL, True),
    "RestoreRequest": (_OURS, "restorerequests", "rr", "Namespaced", "stashgen all", True),
    "ReviewedTemplates": (_OURS, "reviewedtemplates", "", "Namespaced", "stashgen", False),
    "Addon": (_ADDONS, "addons", "", "Cluster", _ALL, False),
    "Function": (_ADDONS, "functions", "fn", "Cluster", _ALL, False),
}
_COLUMNS = {
    "BackupStorage": [
        "Provider string .spec.storage.provider",
        "Default boolean .spec.default",
        "Deletion-Policy string .spec.deletionPolicy",
        "Total-Size string .status.totalSize",
        "Phase string .status.phase",
    ],
    "Repository": [
        "Integrity boolean .status.integrity",
        "Snapshot-Count integer .status.snapshotCount",
        "Size string .status.size",
        "Phase string .status.phase",
        "Last-Successful-Backup date .status.lastBackupTime",
    ],
    "RetentionPolicy": [
        "Max-Retention-Period string .spec.maxRetentionPeriod",
        "Default boolean .spec.default",
    ],
    "Snapshot": [
        "Repository string .spec.repository",
        "Session string .spec.session",
        "Snapshot-Time string .status.snapshotTime",
        "Deletion-Policy string .spec.deletionPolicy",
        "Phase string .status.phase",
    ],
    "BackupConfiguration": ["Phase string .status.phase", "Paused boolean .spec.paused"],
    "BackupSession": [
        "Invoker-Type string .spec.invoker.kind",
        "Invoker-Name string .spec.invoker.name",
        "Phase string .status.phase",
        "Duration string .status.duration",
    ],
    "RestoreSession": [
        "Repository string .spec.dataSource.repository",
        "Phase string .status.phase",
        "Duration string .status.duration",
    ],
    "RestoreRequest": [
        "Repository string .spec.repository",
        "Snapshot string .status.snapshot",
        "Target string .spec.target.name",
        "Phase string .status.phase",
        "Not-After string .spec.notAfter",
    ],
    "ReviewedTemplates": [],
    "Addon": [],
    "Function": [],
}
_AGE = "Age date .metadata.creationTimestamp"


def _version(kind: str) -> JsonObject:
    spec = cast("JsonObject", _CRDS[kind]["spec"])
    (version,) = cast("list[JsonObject]", spec["versions"])
    return version


def _schema(kind: str) -> JsonObject:
    return cast("JsonObject", cast("JsonObject", _version(kind)["schema"])["openAPIV3Schema"])


def _nodes(schema: Mapping[str, object], path: str = "") -> Iterator[tuple[str, JsonObject]]:
    """Every node of a schema with its path."""
    yield path, cast("JsonObject", schema)
    properties = cast("Mapping[str, JsonObject]", schema.get("properties") or {})
    for name, child in properties.items():
        yield from _nodes(child, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _nodes(cast("JsonObject", schema[key]), f"{path}[]")


def test_committed_manifests_are_what_the_models_say() -> None:
    wanted = manifests()
    stale = [
        path.name
        for path, text in wanted.items()
        if not path.is_file() or path.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run make manifests"
    committed = {path for folder in ("crds", "addons") for path in (DEPLOY / folder).iterdir()}
    assert committed - wanted.keys() == set(), "no model makes these"


@pytest.mark.parametrize("kind", _IDENTITY)
def test_schema_is_structural(kind: str) -> None:
    for path, node in _nodes(_schema(kind)):
        assert not node.keys() - _KEYWORDS, (path, sorted(node.keys() - _KEYWORDS))
        if node.get(_INT_OR_STRING):
            assert not node.keys() - {_INT_OR_STRING, "pattern"}, path
            continue
        assert node.get("type") in _TYPES, path
        assert ("items" in node) == (node["type"] == "array"), path
        assert not {"properties", "additionalProperties"} <= node.keys(), path
        if node["type"] == "object":
            inside = node.keys() & {"properties", "additionalProperties", _PRESERVE}
            assert inside or path == ".metadata", path
        properties = cast("JsonObject", node.get("properties") or {})
        assert set(cast("list[str]", node.get("required") or [])) <= properties.keys(), path
        default = node.get("default")
        assert default is None or default in cast("list[object]", node.get("enum") or [default])


def test_only_these_nodes_take_any_field() -> None:
    """Below all others a typo is refused."""
    found = {
        f"{kind}{path}"
        for kind in _CRDS
        for path, node in _nodes(_schema(kind))
        if node.get(_PRESERVE) or (node.get("type") == "object" and len(node) == 1)
    }
    assert found == {
        # An API server knows what is in there.
        *(f"{kind}.metadata" for kind in _CRDS),
        # An Addon and a HookTemplate define their own parameters.
        "BackupConfiguration.spec.sessions[].addon.tasks[].params",
        "BackupConfiguration.spec.sessions[].hooks.preBackup[].params",
        "BackupConfiguration.spec.sessions[].hooks.postBackup[].params",
        "RestoreSession.spec.addon.tasks[].params",
        "RestoreSession.spec.hooks.preRestore[].params",
        "RestoreSession.spec.hooks.postRestore[].params",
        # It has to equal what a server stores, whose Kubernetes may be newer than ours.
        "ReviewedTemplates.spec.templates[].podSpec",
    }


@pytest.mark.parametrize("kind", _IDENTITY)
def test_crd_fits_into_etcd_and_into_the_annotation_of_a_client_side_apply(kind: str) -> None:
    assert len(json.dumps(_CRDS[kind], separators=(",", ":"))) < 200 * 1024


def test_nothing_is_required_of_a_whole_object_of_kubestash() -> None:
    required = [
        (kind, path)
        for kind in _CRDS.keys() - {"RestoreRequest"}
        for path, node in _nodes(_schema(kind))
        if path in {"", ".spec", ".status"} and node.get("required")
    ]
    assert required == []


def test_identity_of_each_kind_is_kubestashs_or_ours() -> None:
    found = {}
    for kind, crd in _CRDS.items():
        spec = cast("JsonObject", crd["spec"])
        names = cast("JsonObject", spec["names"])
        found[kind] = (
            str(spec["group"]),
            str(names["plural"]),
            " ".join(cast("list[str]", names["shortNames"])),
            str(spec["scope"]),
            " ".join(cast("list[str]", names["categories"])),
            "subresources" in _version(kind),
        )
        metadata = cast("JsonObject", crd["metadata"])
        assert metadata["name"] == f"{names['plural']}.{spec['group']}"
        application = "stashgen" if spec["group"] == _OURS else "kubestash"
        assert metadata["labels"] == {"app.kubernetes.io/name": application}
        assert (names["singular"], names["listKind"]) == (kind.lower(), f"{kind}List")
        assert _version(kind)["name"] == "v1alpha1"
    assert found == _IDENTITY


@pytest.mark.parametrize("kind", _COLUMNS)
def test_printer_columns_are_kubestashs_or_ours(kind: str) -> None:
    columns = cast("list[dict[str, str]]", _version(kind)["additionalPrinterColumns"])
    shown = [f"{column['name']} {column['type']} {column['jsonPath']}" for column in columns]
    assert shown == [*_COLUMNS[kind], _AGE]


def _refusals(schema: JsonObject, new: JsonObject, old: JsonObject | None) -> Iterator[str]:
    """Messages of the rules that an update breaks (Kubernetes, "Validation rules").

    A rule is asked where its value exists, one about a change where it existed before as well.
    """
    env = cel.NewEnv(variables={"self": cel.Type.DYN, "oldSelf": cel.Type.DYN})
    for path, node in _nodes(schema):
        now, before = _value(new, path), _value(old, path)
        for rule in cast("list[dict[str, str]]", node.get("x-kubernetes-validations") or []):
            is_change = "oldSelf" in rule["rule"]
            if now is not None and (before is not None or not is_change):
                data = {"self": now, "oldSelf": before}
                if env.compile(without_escapes(rule["rule"])).eval(data=data).value() is not True:
                    yield rule["message"]


@pytest.mark.parametrize("kind", _CRDS)
def test_rules_escape_the_words_of_cel(kind: str) -> None:
    """The API server refuses the CRD otherwise, and calls the rule too expensive."""
    plain = re.compile(rf"\.({'|'.join(RESERVED)})\b")
    for _, node in _nodes(_schema(kind)):
        for rule in cast("list[dict[str, str]]", node.get("x-kubernetes-validations") or []):
            assert plain.findall(rule["rule"]) == []


def _value(obj: object, path: str) -> object:
    for step in path.split(".")[1:]:
        obj = obj.get(step) if isinstance(obj, dict) else None
    return obj


_INVOKER = {"apiGroup": "core.kubestash.com", "kind": "BackupConfiguration", "name": "library"}
_SESSION: JsonObject = {"spec": {"invoker": {**_INVOKER}, "session": "backup", "retryLeft": 1}}
_CLAIM: JsonObject = {"persistentVolumeClaim": {"claimName": "store"}}
_PLACE: JsonObject = {"provider": "local", "local": {**_CLAIM, "mountPath": "/a"}}
_USED: JsonObject = {"repositories": [{"name": "local-k3f9q", "namespace": "demo"}]}
_ACT: JsonObject = {"nonce": "incident-42", "mode": "Overwrite"}
_NOT_UPDATED = "spec can not be updated"
_ONE_ACT = "spec can not be updated: a request is one act"
_PATH_STAYS = "spec.path may not change"
_STORAGE_STAYS = "spec.storage can not change while there are repositories in it"
_NO_WIPE_OUT = "deletionPolicy WipeOut is not supported yet: the data stays in the storage"
_REPOSITORY_STAYS = "spec.repository may not change"
_PLACE_STAYS = "spec.storageRef may not change once the Repository has been initialised"
_PLACED: JsonObject = {"storageRef": {"name": "s"}, "appRef": {"name": "library"}}
_MOVED: JsonObject = {"storageRef": {"name": "t"}}
_FULL_NAME: JsonObject = {"storageRef": {"name": "s", "namespace": "n"}}
_INITIALISED: JsonObject = {"spec": _PLACED, "status": {"executor": {"job": "init"}}}
_KEEP_NEEDED = "maxRetentionPeriod or successfulSnapshots is required"


@pytest.mark.parametrize(
    ("kind", "old", "new", "message"),
    [
        ("BackupSession", _SESSION, {"spec": {"session": "backup"}}, _NOT_UPDATED),
        ("BackupSession", _SESSION, {}, _NOT_UPDATED),
        ("BackupSession", _SESSION, {**_SESSION, "status": {"phase": "Running"}}, None),
        ("BackupSession", None, _SESSION, None),
        ("Repository", {"spec": {"path": "a"}}, {"spec": {"path": "b"}}, _PATH_STAYS),
        ("Repository", {"spec": {"path": "a"}}, {"spec": {"paused": True}}, _PATH_STAYS),
        ("Repository", {"spec": {"path": "a"}}, {}, _PATH_STAYS),
        ("Repository", {"spec": {"path": "a"}}, {"spec": {"path": "a", "paused": True}}, None),
        ("Repository", {"spec": {}}, {"spec": {"path": "a"}}, None),
        (
            "BackupStorage",
            {"spec": {"storage": _PLACE}, "status": _USED},
            {"spec": {"storage": {"provider": "local", "local": _CLAIM}}, "status": _USED},
            _STORAGE_STAYS,
        ),
        (
            "BackupStorage",
            {"spec": {"storage": {"provider": "local", "local": _CLAIM}}, "status": _USED},
            {
                "spec": {
                    "storage": {
                        "provider": "local",
                        "local": {"persistentVolumeClaim": {"claimName": "other"}},
                    }
                },
                "status": _USED,
            },
            _STORAGE_STAYS,
        ),
        (
            "BackupStorage",
            {"spec": {"storage": _PLACE}, "status": _USED},
            {"spec": {}},
            _STORAGE_STAYS,
        ),
        (
            "BackupStorage",
            {"spec": {"storage": _PLACE}, "status": _USED},
            {"spec": {"storage": _PLACE, "default": True}, "status": _USED},
            None,
        ),
        ("BackupStorage", {"spec": {"storage": _PLACE}, "status": {}}, {"spec": {}}, None),
        ("RestoreRequest", None, {}, "spec is required"),
        ("RestoreRequest", {"spec": _ACT}, {}, "spec is required"),
        ("RestoreRequest", {"spec": _ACT}, {"spec": {"nonce": "incident-43"}}, _ONE_ACT),
        ("RestoreRequest", {"spec": _ACT}, {"spec": {**_ACT, "reason": "more"}}, _ONE_ACT),
        ("RestoreRequest", {"spec": _ACT}, {"spec": _ACT, "status": {"phase": "Running"}}, None),
        ("RestoreRequest", None, {"spec": _ACT}, None),
        ("RetentionPolicy", None, {"spec": {"default": True}}, _KEEP_NEEDED),
        ("RetentionPolicy", None, {"spec": {"maxRetentionPeriod": "1y"}}, None),
        ("RetentionPolicy", None, {"spec": {"successfulSnapshots": {"last": 1}}}, None),
        ("Snapshot", None, {"spec": {"deletionPolicy": "WipeOut"}}, _NO_WIPE_OUT),
        ("Snapshot", {"spec": {}}, {"spec": {"deletionPolicy": "WipeOut"}}, _NO_WIPE_OUT),
        ("Snapshot", None, {"spec": {"deletionPolicy": "Delete"}}, None),
        ("Snapshot", None, {"spec": {}}, None),
        ("Snapshot", {"spec": {"repository": "a"}}, {"spec": {}}, _REPOSITORY_STAYS),
        ("Snapshot", {"spec": {"repository": "a"}}, {}, _REPOSITORY_STAYS),
        (
            "Snapshot",
            {"spec": {"repository": "a"}},
            {"spec": {"repository": "b"}},
            _REPOSITORY_STAYS,
        ),
        ("Repository", _INITIALISED, {**_INITIALISED, "spec": _PLACED | _MOVED}, _PLACE_STAYS),
        ("Repository", _INITIALISED, {**_INITIALISED, "spec": _PLACED | _FULL_NAME}, None),
        (
            "Repository",
            {**_INITIALISED, "spec": _PLACED | _FULL_NAME},
            {**_INITIALISED, "spec": _PLACED | {"storageRef": {"name": "s", "namespace": "m"}}},
            _PLACE_STAYS,
        ),
        (
            "Repository",
            _INITIALISED,
            {**_INITIALISED, "spec": _PLACED | {"appRef": {"name": "other"}}},
            "spec.appRef may not change once the Repository has been initialised",
        ),
        ("Repository", {"spec": _PLACED}, {"spec": _PLACED | _MOVED}, None),
    ],
)
def test_rules_refuse_what_must_not_change(
    kind: str, old: JsonObject | None, new: JsonObject, message: str | None
) -> None:
    assert list(_refusals(_schema(kind), new, old)) == ([message] if message else [])


def test_our_own_objects_are_stored_unchanged() -> None:
    documents = [
        *(yaml.safe_load(path.read_text("utf-8")) for path in (DEPLOY / "addons").iterdir()),
        *one_volume.documents(),
    ]
    checked = set()
    for document in documents:
        kind = str(document["kind"])
        if kind not in _CRDS:
            continue
        schema = Schema(_schema(kind))
        assert schema.unknown_fields(document) == []
        assert schema.errors(document, None) == []
        assert schema.fill(schema.prune(document)) == document
        checked.add(kind)
    assert checked == _CRDS.keys() - {
        "BackupSession",
        "RestoreSession",
        "Snapshot",
        "RestoreRequest",
        "ReviewedTemplates",
    }


def test_a_file_is_named_after_its_crd() -> None:
    assert {path.stem for path in (DEPLOY / "crds").iterdir()} == {
        f"{group}_{plural}" for group, plural, *_ in _IDENTITY.values()
    }
