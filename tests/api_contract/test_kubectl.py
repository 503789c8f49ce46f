"""kubectl against both servers: the commands of our documentation."""

import json
from pathlib import Path

import pytest
import yaml

from stashgen.api.resources import BACKUP_SESSIONS, REPOSITORIES
from tests.api_contract.servers import Server
from tests.support.samples import (
    Json,
    at,
    backup_configuration,
    backup_session,
    config_map,
    cron_job,
    job,
    repository,
)


class Kubectl:
    """kubectl in one namespace."""

    def __init__(self, server: Server, namespace: str, folder: Path) -> None:
        self._server = server
        self._namespace = namespace
        self._folder = folder

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run a command."""
        return self._server.kubectl("--namespace", self._namespace, *arguments, code=code)

    def file(self, *objects: Json) -> str:
        """A file of objects."""
        path = self._folder / "objects.yaml"
        path.write_text(yaml.safe_dump_all(objects), encoding="utf-8")
        return str(path)

    def apply(self, *objects: Json, flags: tuple[str, ...] = (), code: int = 0) -> str:
        """Apply objects."""
        return self("apply", *flags, "-f", self.file(*objects), code=code)

    def read(self, kind: str, name: str) -> Json:
        """An object as ``get -o json`` shows it."""
        found = json.loads(self("get", kind, name, "-o", "json"))
        assert isinstance(found, dict)
        return found


@pytest.fixture
def kubectl(server: Server, namespace: str, tmp_path: Path) -> Kubectl:
    """kubectl in a fresh namespace."""
    return Kubectl(server, namespace, tmp_path)


def _template(**spec: object) -> Json:
    pod = job("x")["spec"]["template"]["spec"] | spec
    body: Json = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "one"}}
    return body | {"template": {"spec": pod}}


def test_create_and_get_show_the_columns_of_our_kinds(kubectl: Kubectl) -> None:
    made = kubectl("create", "-f", kubectl.file(repository("one")))
    assert made == "repository.storage.kubestash.com/one created\n"
    header, row = kubectl("get", "repositories").splitlines()
    assert header.split() == [
        "NAME",
        "INTEGRITY",
        "SNAPSHOT-COUNT",
        "SIZE",
        "PHASE",
        "LAST-SUCCESSFUL-BACKUP",
        "AGE",
    ]
    assert row.split()[0] == "one"
    assert row.split()[-1].endswith("s")


def test_columns_show_the_status(server: Server, namespace: str, kubectl: Kubectl) -> None:
    server.client.create(REPOSITORIES, namespace, repository("one"))
    status: Json = {
        "status": {"phase": "Ready", "integrity": True, "snapshotCount": 3, "size": "1.5 MiB"}
    }
    server.client.patch(REPOSITORIES, namespace, "one", status, status=True)
    row = kubectl("get", "repo", "one", "--no-headers").split()
    assert row[:-1] == ["one", "true", "3", "1.5", "MiB", "Ready"]


def test_kinds_are_found_by_short_name_group_and_category(kubectl: Kubectl) -> None:
    kubectl.apply(backup_configuration("one"), repository("one"))
    for word in ("bc", "backupconfiguration", "backupconfigurations.core.kubestash.com"):
        assert kubectl("get", word, "-o", "name") == (
            "backupconfiguration.core.kubestash.com/one\n"
        )
    shown = kubectl("get", "kubestash", "-o", "name").splitlines()
    assert set(shown) >= {
        "backupconfiguration.core.kubestash.com/one",
        "repository.storage.kubestash.com/one",
    }


@pytest.mark.parametrize(
    ("body", "kind", "columns"),
    [
        (
            cron_job("one", suspend=True),
            "cronjobs",
            "NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST SCHEDULE AGE",
        ),
        (job("one"), "jobs", "NAME STATUS COMPLETIONS DURATION AGE"),
        (config_map("one"), "configmaps", "NAME DATA AGE"),
        (_template(), "podtemplates", "NAME CONTAINERS IMAGES POD LABELS"),
    ],
    ids=["cronjobs", "jobs", "configmaps", "podtemplates"],
)
def test_get_shows_the_columns_of_builtin_kinds(
    kubectl: Kubectl, body: Json, kind: str, columns: str
) -> None:
    kubectl.apply(body)
    header, row = kubectl("get", kind, "one").splitlines()
    assert header.split() == columns.split()
    assert row.split()[0] == "one"


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("secrets", "NAME TYPE DATA AGE"),
        ("serviceaccounts", "NAME SECRETS AGE"),
        ("persistentvolumeclaims", "NAME STATUS VOLUME CAPACITY ACCESS MODES"),
        ("namespaces", "NAME STATUS AGE"),
        ("pods", "NAME READY STATUS RESTARTS AGE"),
        ("events", "LAST SEEN TYPE REASON OBJECT MESSAGE"),
        ("crds", "NAME CREATED AT"),
    ],
)
def test_columns_of_other_builtin_kinds(
    namespace: str, kubectl: Kubectl, kind: str, columns: str
) -> None:
    objects = _OTHERS.get(kind, [])
    for item in objects:
        if item["kind"] == "Event":
            item["involvedObject"] = {"kind": "Job", "name": "one", "namespace": namespace}
    if objects:
        kubectl.apply(*objects)
    output = kubectl("get", kind)
    assert output.splitlines()[0].split()[: len(columns.split())] == columns.split()


_OTHERS: dict[str, list[Json]] = {
    "secrets": [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"x": "eQ=="}}
    ],
    "serviceaccounts": [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a"}}],
    "persistentvolumeclaims": [
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "a"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
            },
        }
    ],
    "pods": [
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "a"},
            "spec": {
                "automountServiceAccountToken": False,
                "serviceAccountName": "a",
                "containers": [{"name": "a", "image": "example/image"}],
            },
        }
    ],
    "events": [
        {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": "a"},
            "reason": "Tested",
            "message": "text",
            "type": "Normal",
            "count": 1,
            "firstTimestamp": "2026-01-01T00:00:00Z",
            "lastTimestamp": "2026-01-01T00:00:00Z",
        }
    ],
}
_OTHERS["pods"].insert(0, _OTHERS["serviceaccounts"][0])


def test_wide_output_has_more_columns(kubectl: Kubectl) -> None:
    kubectl.apply(job("one"))
    header = kubectl("get", "jobs", "one", "-o", "wide").splitlines()[0]
    assert header.split()[-3:] == ["CONTAINERS", "IMAGES", "SELECTOR"]


def test_nothing_found_is_said(kubectl: Kubectl) -> None:
    assert kubectl("get", "repositories") == ""
    assert "(NotFound)" in kubectl("get", "repository", "absent", code=1)


def test_get_as_yaml_can_be_applied_again(kubectl: Kubectl, tmp_path: Path) -> None:
    kubectl.apply(backup_configuration("one"))
    shown = kubectl("get", "bc", "one", "-o", "yaml")
    assert yaml.safe_load(shown)["spec"]["paused"] is True
    path = tmp_path / "again.yaml"
    path.write_text(shown, encoding="utf-8")
    kubectl("apply", "-f", str(path))
    assert at(kubectl.read("bc", "one"), "metadata", "generation") == 1


def test_get_by_label_and_field(kubectl: Kubectl) -> None:
    kubectl.apply(config_map("a", labels={"tier": "gold"}), config_map("b"))
    assert kubectl("get", "cm", "-l", "tier=gold", "-o", "name") == "configmap/a\n"
    shown = kubectl("get", "cm", "--field-selector", "metadata.name=b", "-o", "name")
    assert shown == "configmap/b\n"


def test_describe_shows_what_there_is(kubectl: Kubectl) -> None:
    kubectl.apply(backup_configuration("one"), cron_job("one", suspend=True), job("two"))
    described = kubectl("describe", "bc", "one")
    assert "Kind:         BackupConfiguration" in described
    assert "Logical-Backup" not in described
    assert "logical-backup" in described
    assert "Schedule:" in kubectl("describe", "cronjob", "one")
    assert "example/image:1" in kubectl("describe", "job", "two")


def test_patch_of_each_type(kubectl: Kubectl) -> None:
    kubectl.apply(backup_configuration("one"), config_map("one"))
    kubectl("patch", "bc", "one", "--type=merge", "-p", '{"spec": {"paused": false}}')
    assert at(kubectl.read("bc", "one"), "spec", "paused") is False
    operation = '[{"op": "replace", "path": "/spec/paused", "value": true}]'
    kubectl("patch", "bc", "one", "--type=json", "-p", operation)
    assert at(kubectl.read("bc", "one"), "spec", "paused") is True
    kubectl("patch", "cm", "one", "-p", '{"data": {"more": "x"}}')
    assert at(kubectl.read("cm", "one"), "data") == {"key": "value", "more": "x"}
    ready = '{"status": {"phase": "Ready"}}'
    kubectl("patch", "bc", "one", "--subresource=status", "--type=merge", "-p", ready)
    assert at(kubectl.read("bc", "one"), "status", "phase") == "Ready"


def test_label_annotate_and_replace(kubectl: Kubectl) -> None:
    kubectl.apply(backup_configuration("one"))
    kubectl("label", "bc", "one", "tier=gold")
    kubectl("annotate", "bc", "one", "note=text")
    found = kubectl.read("bc", "one")
    assert at(found, "metadata", "labels") == {"tier": "gold"}
    assert at(found, "metadata", "annotations", "note") == "text"
    changed = {**found, "spec": found["spec"] | {"paused": False}}
    assert "replaced" in kubectl("replace", "-f", kubectl.file(changed))
    assert at(kubectl.read("bc", "one"), "spec", "paused") is False


def test_apply_creates_changes_and_leaves_alone(kubectl: Kubectl) -> None:
    assert "created" in kubectl.apply(backup_configuration("one"))
    assert "unchanged" in kubectl.apply(backup_configuration("one"))
    body = backup_configuration("one")
    body["spec"] = body["spec"] | {"paused": False}
    assert "configured" in kubectl.apply(body)
    assert at(kubectl.read("bc", "one"), "spec", "paused") is False


def test_apply_takes_away_what_is_no_longer_there(kubectl: Kubectl) -> None:
    kubectl.apply(config_map("one", {"a": "1", "b": "2"}))
    kubectl("patch", "cm", "one", "-p", '{"data": {"c": "3"}}')
    kubectl.apply(config_map("one", {"a": "1"}))
    assert at(kubectl.read("cm", "one"), "data") == {"a": "1", "c": "3"}


def test_apply_of_a_builtin_kind_merges_its_lists(kubectl: Kubectl) -> None:
    assert "created" in kubectl.apply(_template())
    assert "unchanged" in kubectl.apply(_template())
    container = {"name": "main", "image": "example/image:2", "env": [{"name": "A", "value": "1"}]}
    assert "configured" in kubectl.apply(_template(containers=[container]))
    found = at(kubectl.read("podtemplate", "one"), "template", "spec", "containers", 0)
    assert at(found, "image") == "example/image:2"
    assert at(found, "env") == [{"name": "A", "value": "1"}]
    assert at(found, "command") is None


def test_apply_names_the_field_it_does_not_know(kubectl: Kubectl) -> None:
    body = backup_configuration("one")
    body["spec"] = body["spec"] | {"colour": "blue"}
    assert 'unknown field "spec.colour"' in kubectl.apply(body, code=1)
    assert 'unknown field "template.spec.colour"' in kubectl.apply(_template(colour="x"), code=1)


def test_apply_shows_why_an_object_is_invalid(kubectl: Kubectl) -> None:
    body = backup_configuration("one")
    body["spec"] = body["spec"] | {"paused": "yes"}
    assert "spec.paused" in kubectl.apply(body, code=1)


def test_dry_run_says_what_would_be(kubectl: Kubectl) -> None:
    shown = kubectl.apply(repository("one"), flags=("--dry-run=server",))
    assert "created (server dry run)" in shown
    assert "(NotFound)" in kubectl("get", "repository", "one", code=1)


def test_diff_shows_the_change(kubectl: Kubectl) -> None:
    kubectl.apply(backup_configuration("one"))
    assert kubectl("diff", "-f", kubectl.file(backup_configuration("one"))) == ""


SERVER_SIDE = ("--server-side",)


def test_server_side_apply_creates_changes_and_leaves_alone(kubectl: Kubectl) -> None:
    assert "serverside-applied" in kubectl.apply(_template(), flags=SERVER_SIDE)
    first = kubectl.read("podtemplate", "one")
    kubectl.apply(_template(), flags=SERVER_SIDE)
    again = kubectl.read("podtemplate", "one")
    assert at(again, "metadata", "resourceVersion") == at(first, "metadata", "resourceVersion")
    kubectl.apply(_template(dnsPolicy="Default"), flags=SERVER_SIDE)
    changed = kubectl.read("podtemplate", "one")
    assert at(changed, "template", "spec", "dnsPolicy") == "Default"
    assert at(changed, "template", "spec", "containers", 0, "name") == "main"


def test_server_side_apply_takes_away_only_what_it_put_there(kubectl: Kubectl) -> None:
    kubectl.apply(config_map("one", {"a": "1", "b": "2"}), flags=SERVER_SIDE)
    kubectl("patch", "cm", "one", "-p", '{"data": {"c": "3"}}')
    kubectl.apply(config_map("one", {"a": "1"}), flags=SERVER_SIDE)
    assert at(kubectl.read("cm", "one"), "data") == {"a": "1", "c": "3"}


def test_server_side_apply_merges_lists_by_their_keys(kubectl: Kubectl) -> None:
    env = [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    main = {"name": "main", "image": "example/image:1"}
    kubectl.apply(_template(containers=[main | {"env": env}]), flags=SERVER_SIDE)
    other = [{"name": "main", "env": [{"name": "C", "value": "3"}]}]
    patch = json.dumps({"template": {"spec": {"containers": other}}})
    kubectl("patch", "podtemplate", "one", "-p", patch)
    kubectl.apply(_template(containers=[main | {"env": env[:1]}]), flags=SERVER_SIDE)
    found = at(kubectl.read("podtemplate", "one"), "template", "spec", "containers", 0, "env")
    assert isinstance(found, list)
    assert sorted(str(at(item, "name")) for item in found) == ["A", "C"]


def test_server_side_apply_over_another_writer_is_a_conflict(kubectl: Kubectl) -> None:
    kubectl.apply(backup_configuration("one"), flags=SERVER_SIDE)
    kubectl("patch", "bc", "one", "--type=merge", "-p", '{"spec": {"paused": false}}')
    refusal = kubectl.apply(backup_configuration("one"), flags=SERVER_SIDE, code=1)
    assert 'conflict with "kubectl-patch"' in refusal
    assert ".spec.paused" in refusal
    forced = (*SERVER_SIDE, "--force-conflicts")
    kubectl.apply(backup_configuration("one"), flags=forced)
    assert at(kubectl.read("bc", "one"), "spec", "paused") is True


def test_server_side_apply_of_two_managers_shares_equal_fields(kubectl: Kubectl) -> None:
    kubectl.apply(config_map("one", {"a": "1"}), flags=(*SERVER_SIDE, "--field-manager=x"))
    kubectl.apply(config_map("one", {"a": "1"}), flags=(*SERVER_SIDE, "--field-manager=y"))
    kubectl.apply(config_map("one", {"b": "2"}), flags=(*SERVER_SIDE, "--field-manager=x"))
    assert at(kubectl.read("cm", "one"), "data") == {"a": "1", "b": "2"}


def test_server_side_apply_of_what_is_invalid_says_why(kubectl: Kubectl) -> None:
    body = backup_configuration("one")
    body["spec"] = body["spec"] | {"paused": "yes"}
    assert "paused" in kubectl.apply(body, flags=SERVER_SIDE, code=1)


def test_wait_for_a_condition_and_a_deletion(
    server: Server, namespace: str, kubectl: Kubectl
) -> None:
    server.client.create(BACKUP_SESSIONS, namespace, backup_session("one"))
    condition = {
        "type": "Done",
        "status": "True",
        "reason": "Tested",
        "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    status: Json = {"status": {"phase": "Succeeded", "conditions": [condition]}}
    server.client.patch(BACKUP_SESSIONS, namespace, "one", status, status=True)
    for what in ("condition=Done", "jsonpath={.status.phase}=Succeeded"):
        assert "condition met" in kubectl("wait", f"--for={what}", "backupsession/one")
    server.client.delete(BACKUP_SESSIONS, namespace, "one")
    kubectl("wait", "--for=delete", "backupsession/one", "--timeout=60s")


def test_wait_gives_up_in_time(kubectl: Kubectl) -> None:
    kubectl.apply(backup_session("one"))
    refusal = kubectl("wait", "--for=condition=Done", "backupsession/one", "--timeout=1s", code=1)
    assert "timed out" in refusal


def test_delete_by_name_file_and_label(kubectl: Kubectl) -> None:
    gold = {"tier": "gold"}
    objects = [config_map("a"), config_map("b", labels=gold), config_map("c", labels=gold)]
    path = kubectl.file(*objects)
    kubectl("apply", "-f", path)
    assert kubectl("delete", "cm", "a").startswith('configmap "a" deleted')
    kubectl("delete", "cm", "-l", "tier=gold")
    assert kubectl("get", "cm", "-l", "tier", "-o", "name") == ""
    kubectl("delete", "-f", path, "--ignore-not-found")
    assert "(NotFound)" in kubectl("delete", "-f", path, code=1)


def test_foreground_deletion_is_waited_for(kubectl: Kubectl) -> None:
    kubectl.apply(job("one"))
    kubectl("delete", "job", "one", "--cascade=foreground", "--timeout=60s")
    assert "(NotFound)" in kubectl("get", "job", "one", code=1)


def test_generated_objects_can_be_applied(kubectl: Kubectl) -> None:
    kubectl.apply(cron_job("d", suspend=True))
    commands = (
        ("configmap", "a", "--from-literal=x=text"),
        ("secret", "generic", "b", "--from-literal=x=text"),
        ("serviceaccount", "c"),
        ("job", "e", "--from=cronjob/d"),
    )
    for command in commands:
        shown = kubectl("create", *command, "--dry-run=client", "-o", "yaml")
        kubectl.apply(yaml.safe_load(shown))
    assert at(kubectl.read("cm", "a"), "data") == {"x": "text"}
    assert at(kubectl.read("secret", "b"), "data") == {"x": "dGV4dA=="}
    assert at(kubectl.read("job", "e"), "metadata", "ownerReferences", 0, "name") == "d"


def test_explain_knows_our_fields(kubectl: Kubectl) -> None:
    assert "sessions" in kubectl("explain", "backupconfiguration.spec")


def test_api_resources_lists_our_kinds(kubectl: Kubectl) -> None:
    shown = kubectl("api-resources", "--api-group=storage.kubestash.com", "-o", "name")
    assert sorted(shown.split()) == [
        "backupstorages.storage.kubestash.com",
        "repositories.storage.kubestash.com",
        "retentionpolicies.storage.kubestash.com",
        "snapshots.storage.kubestash.com",
    ]
