"""Pod templates: exactly the proven ones, and what plain KubeStash manifests can change."""

from collections.abc import Mapping
from typing import cast

import pytest

from stashgen.api.addon import Addon
from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.function import Function
from stashgen.api.repository import Repository
from stashgen.api.retention_policy import RetentionPolicySpec
from stashgen.api.shared import AddonInfo, TaskReference
from stashgen.kubestash import addons
from stashgen.kubestash.pods import templates
from stashgen.kubestash.pods.settings import PodSettings, settings_from_addon, settings_from_storage
from stashgen.kubestash.pods.templates import UnsupportedAddonError, UnsupportedStorageError
from stashgen.kubestash.verbs import Verb
from tests.support import one_volume

_ROOT = PodSettings(run_as_user=0, run_as_group=0)
_RESTORE_TASK = TaskReference(name="logical-backup-restore")


def _backup(  # what a test changes, the rest is the proven volume's
    *,
    task: TaskReference | None = None,
    settings: PodSettings = _ROOT,
    addon: Addon | None = None,
    function: Function | None = None,
    storage: BackupStorage | None = None,
    repository: Repository | None = None,
) -> JsonObject:
    return templates.backup_template(
        repository=repository or one_volume.repository(),
        storage=storage or one_volume.storage(),
        addon=addon or addons.pvc_addon(),
        function=function or addons.pvc_backup(),
        task=task or one_volume.task(),
        component="dump",
        settings=settings,
    )


def _restore(settings: PodSettings = _ROOT) -> JsonObject:
    return templates.restore_template(
        repository=one_volume.repository(),
        storage=one_volume.storage(),
        addon=addons.pvc_addon(),
        function=addons.pvc_restore(),
        task=_RESTORE_TASK,
        component="dump",
        settings=settings,
    )


def _maintain(retention: RetentionPolicySpec) -> JsonObject:
    return templates.maintain_template(
        repository=one_volume.repository(),
        storage=one_volume.storage(),
        sessions=("backup",),
        retention=retention,
        settings=_ROOT,
    )


def _spec(template: JsonObject) -> JsonObject:
    return cast("JsonObject", template["spec"])


def _container(template: JsonObject) -> JsonObject:
    return cast("list[JsonObject]", _spec(template)["containers"])[0]


def _args(template: JsonObject) -> list[str]:
    return cast("list[str]", _container(template)["args"])


def _volume(template: JsonObject, name: str) -> JsonObject:
    volumes = cast("list[JsonObject]", _spec(template)["volumes"])
    return next(item for item in volumes if item["name"] == name)


def _storage(**local: object) -> BackupStorage:
    return BackupStorage.model_validate(
        {
            "metadata": {"name": "local", "namespace": "demo"},
            "spec": {"storage": {"provider": "local", "local": local}},
        }
    )


def _info(text: Mapping[str, object]) -> AddonInfo:
    return AddonInfo.model_validate(text)


def test_init_storage_template_is_the_proven_one() -> None:
    made = templates.init_storage_template(one_volume.storage(), PodSettings())
    assert made == one_volume.template("init-storage-local")


def test_backup_template_is_the_proven_one() -> None:
    assert _backup() == one_volume.template("backup-local-k3f9q")


def test_restore_template_is_the_proven_one() -> None:
    assert _restore() == one_volume.template("restore-local-k3f9q")


def test_maintain_template_is_the_proven_one() -> None:
    made = _maintain(one_volume.retention().spec)
    assert made == one_volume.template("maintain-local-k3f9q")


def test_only_root_gets_capabilities() -> None:
    for template in (_backup(settings=PodSettings()), _restore(PodSettings())):
        context = cast("JsonObject", _container(template)["securityContext"])
        assert context["capabilities"] == {"drop": ["ALL"]}


def test_every_keep_count_stands_in_the_reviewed_arguments() -> None:
    policy = RetentionPolicySpec.model_validate({
        "maxRetentionPeriod": "1y",
        "successfulSnapshots": {
            "last": 1, "hourly": 2, "daily": 3, "weekly": 4, "monthly": 5, "yearly": 0,
        },
        "failedSnapshots": {"last": 7},
    })  # fmt: skip
    assert _args(_maintain(policy))[7:] == [
        "--keep-last=1",
        "--keep-hourly=2",
        "--keep-daily=3",
        "--keep-weekly=4",
        "--keep-monthly=5",
        "--keep-yearly=0",
        "--keep-failed=7",
        "--max-retention-period=1y",
    ]


def test_users_parameter_wins_over_the_addons_default() -> None:
    task = TaskReference(
        name="logical-backup",
        params={
            "paths": "/kubestash-data/a,/kubestash-data/b",
            "exclude": "*.tmp",
            "enableCache": False,
        },
    )
    args = _args(_backup(task=task))
    assert "--paths=/kubestash-data/a,/kubestash-data/b" in args
    assert "--exclude=*.tmp" in args
    assert "--enable-cache=false" in args
    assert "--scratch-dir=/kubestash-tmp" in args


def test_flag_without_a_value_is_left_out() -> None:
    args = _args(_backup(task=TaskReference(name="logical-backup")))
    assert not [arg for arg in args if arg.startswith("--exclude")]
    assert "--paths=/kubestash-data" in args


@pytest.mark.parametrize(
    "name", ["storage", "namespace", "directory", "component", "backupSession"]
)
def test_parameter_cannot_send_the_worker_elsewhere(name: str) -> None:
    task = TaskReference(name="logical-backup", params={name: "elsewhere"})
    assert not [arg for arg in _args(_backup(task=task)) if "elsewhere" in arg]


def test_kubestashs_own_function_gets_our_place_flags_and_our_command() -> None:
    function = Function.model_validate(
        {
            "metadata": {"name": "pvc-backup"},
            "spec": {
                "image": "registry.example/pvc:v0.28.0",
                "args": [
                    "backup",
                    "--namespace=${namespace:=default}",
                    "--backupsession=${backupSession:=}",
                    "--enable-cache=${enableCache:=}",
                    "--scratch-dir=${scratchDir:=}",
                    "--exclude=${exclude:=}",
                    "--paths=${paths:=}",
                ],
            },
        }
    )
    made = _backup(function=function)
    assert sorted(_args(made)) == sorted(_args(_backup()))
    assert _args(made)[-3:] == [
        "--storage=file:///kubestash-backend",
        "--directory=demo/library",
        "--component=dump",
    ]
    assert _container(made)["command"] == ["stashgen-worker"]
    assert _container(made)["image"] == PodSettings().image


def test_older_spelling_of_a_task_is_the_same_task() -> None:
    params = one_volume.task().params
    assert _backup(task=TaskReference(name="LogicalBackup", params=params)) == _backup()


@pytest.mark.parametrize("name", ["volume-snapshot", "", None, "logical-backup-restore"])
def test_unknown_task_is_refused(name: str | None) -> None:
    with pytest.raises(UnsupportedAddonError, match="has no backup task"):
        _backup(task=TaskReference(name=name))


def test_unknown_function_is_refused() -> None:
    addon = Addon.model_validate(
        {
            "metadata": {"name": "own-addon"},
            "spec": {"backupTasks": [{"name": "logical-backup", "function": "own-backup"}]},
        }
    )
    with pytest.raises(UnsupportedAddonError, match="own-backup"):
        _backup(addon=addon)
    with pytest.raises(UnsupportedAddonError, match="own-backup"):
        templates.function_name(addon, one_volume.task(), Verb.BACKUP)


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ({"driver": "VolumeSnapshotter"}, "another driver than Restic"),
        ({"executor": "Sidecar"}, "another executor than Job"),
        ({"executor": "MultiLevelJob"}, "another executor than Job"),
        (
            {"parameters": [{"name": "paths", "required": True}]},
            "needs the parameter 'paths'",
        ),
    ],
)
def test_task_of_another_kind_is_refused(task: JsonObject, problem: str) -> None:
    own = {"name": "logical-backup", "function": "pvc-backup", **task}
    addon = Addon.model_validate(
        {"metadata": {"name": "own-addon"}, "spec": {"backupTasks": [own]}}
    )
    with pytest.raises(UnsupportedAddonError, match=problem):
        _backup(addon=addon, task=TaskReference(name="logical-backup"))


@pytest.mark.parametrize("parameter", [{"required": True, "default": "/a"}, {"required": False}])
def test_parameter_with_a_default_or_that_is_optional_may_be_left_out(
    parameter: JsonObject,
) -> None:
    task = {
        "name": "logical-backup",
        "function": "pvc-backup",
        "parameters": [{"name": "paths", **parameter}],
    }
    addon = Addon.model_validate(
        {"metadata": {"name": "own-addon"}, "spec": {"backupTasks": [task]}}
    )
    assert _backup(addon=addon, task=TaskReference(name="logical-backup"))


@pytest.mark.parametrize(
    "spec",
    [
        {"runtimeSettings": {"env": [{"name": "A"}]}},
        {"workingDir": "/a"},
        {"volumeDevices": [{"name": "v", "devicePath": "/dev/a"}]},
    ],
)
def test_function_that_asks_for_more_than_arguments_is_refused(spec: JsonObject) -> None:
    function = Function.model_validate({"metadata": {"name": "pvc-backup"}, "spec": spec})
    with pytest.raises(UnsupportedAddonError, match="only its arguments are supported"):
        _backup(function=function)


def test_function_of_a_task_is_named() -> None:
    addon = addons.pvc_addon()
    assert templates.function_name(addon, one_volume.task(), Verb.BACKUP) == "pvc-backup"
    assert templates.function_name(addon, _RESTORE_TASK, Verb.RESTORE) == "pvc-restore"


def test_every_pod_of_a_bucket_gets_its_keys_as_files_and_nothing_of_them_in_its_spec() -> None:
    storage = BackupStorage.model_validate(
        {
            "metadata": {"name": "far", "namespace": "demo"},
            "spec": {
                "storage": {
                    "provider": "s3",
                    "s3": {"bucket": "b", "prefix": "p", "region": "r", "secretName": "keys"},
                }
            },
        }
    )
    made = [
        templates.init_storage_template(storage, PodSettings()),
        templates.maintain_template(
            repository=one_volume.repository(),
            storage=storage,
            sessions=["backup"],
            retention=RetentionPolicySpec(max_retention_period="1d"),
            settings=PodSettings(),
        ),
        templates.backup_template(
            repository=one_volume.repository(),
            storage=storage,
            addon=addons.pvc_addon(),
            function=addons.pvc_backup(),
            task=TaskReference(name="logical-backup"),
            component="dump",
            settings=PodSettings(),
        ),
    ]
    for template in made:
        spec = cast("dict[str, list[JsonObject]]", template["spec"])
        (container,) = spec["containers"]
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert volumes["credentials"] == {
            "name": "credentials",
            "secret": {"secretName": "keys", "optional": True, "defaultMode": 0o444},
        }
        assert "backend" not in volumes
        args = cast("list[str]", container["args"])
        assert "--storage=s3:https://s3.r.amazonaws.com/b/p" in args
        assert "--region=r" in args
        assert "secret" not in str([container.get("env"), container.get("envFrom")]).lower()


@pytest.mark.parametrize("provider", ["gcs", "azure", "swift"])
def test_provider_without_an_implementation_is_refused(provider: str) -> None:
    storage = BackupStorage.model_validate(
        {
            "metadata": {"name": "far"},
            "spec": {"storage": {"provider": provider}},
        }
    )
    with pytest.raises(UnsupportedStorageError, match=provider):
        templates.init_storage_template(storage, PodSettings())


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ({"hostPath": {"path": "/srv"}}, {"hostPath": {"path": "/srv", "type": ""}}),
        (
            {"hostPath": {"path": "/srv", "type": "Directory"}},
            {"hostPath": {"path": "/srv", "type": "Directory"}},
        ),
        ({"nfs": {"server": "nas", "path": "/"}}, {"nfs": {"server": "nas", "path": "/"}}),
        ({"emptyDir": {}}, {"emptyDir": {}}),
        ({"csi": {"driver": "d.example"}}, {"csi": {"driver": "d.example"}}),
        ({"cephfs": {"monitors": ["a"]}}, {"cephfs": {"monitors": ["a"]}}),
        (
            {"persistentVolumeClaim": {"claimName": "store", "readOnly": True}},
            {"persistentVolumeClaim": {"claimName": "store", "readOnly": True}},
        ),
    ],
)
def test_any_volume_source_can_be_a_storage(source: JsonObject, expected: JsonObject) -> None:
    made = _backup(storage=_storage(mountPath="/safe/data", **source))
    assert _volume(made, "backend") == {"name": "backend", **expected}
    assert "--storage=file:///safe/data" in _args(made)


def test_storage_without_a_mount_path_has_a_default_and_no_sub_path() -> None:
    made = templates.init_storage_template(_storage(emptyDir={}), PodSettings())
    mounts = cast("list[JsonObject]", _container(made)["volumeMounts"])
    assert mounts[0] == {"name": "backend", "mountPath": "/kubestash-backend"}


@pytest.mark.parametrize("name", ["kubestash-tmp-volume", "${RESTIC_CACHE_VOLUME}"])
def test_scratch_volume_can_be_replaced(name: str) -> None:
    claim = {"persistentVolumeClaim": {"claimName": "cache"}}
    task = TaskReference.model_validate(
        {
            "name": "logical-backup",
            "addonVolumes": [{"name": name, "source": claim}],
        }
    )
    made = _backup(task=task)
    assert _volume(made, "kubestash-tmp-volume") == {"name": "kubestash-tmp-volume", **claim}


def test_claim_template_for_the_scratch_volume_becomes_an_ephemeral_volume() -> None:
    claim_spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    template = {"metadata": {"name": "cache", "labels": {"a": "b"}}, "spec": claim_spec}
    task = TaskReference.model_validate(
        {
            "name": "logical-backup",
            "addonVolumes": [
                {"name": "${RESTIC_CACHE_VOLUME}", "source": {"volumeClaimTemplate": template}}
            ],
        }
    )
    assert _volume(_backup(task=task), "kubestash-tmp-volume")["ephemeral"] == {
        "volumeClaimTemplate": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {**claim_spec, "volumeMode": "Filesystem"},
        }
    }


def test_repository_without_a_key_has_no_volume_for_it() -> None:
    repository = one_volume.repository()
    spec = repository.spec.model_copy(update={"encryption_secret": None})
    made = _backup(repository=repository.model_copy(update={"spec": spec}))
    names = [item["name"] for item in cast("list[JsonObject]", _spec(made)["volumes"])]
    assert names == ["kubestash-data-volume", "backend", "session", "kubestash-tmp-volume"]


def test_backup_runs_as_nobody_and_restore_as_root_unless_said_otherwise() -> None:
    backup = _spec(_backup(settings=settings_from_addon(None, verb=Verb.BACKUP)))
    restore = _spec(_restore(settings_from_addon(AddonInfo(), verb=Verb.RESTORE)))
    default = {"type": "RuntimeDefault"}
    assert backup["securityContext"] == {
        "runAsUser": 65534, "runAsGroup": 65534, "runAsNonRoot": True, "seccompProfile": default,
    }  # fmt: skip
    assert restore["securityContext"] == {
        "runAsUser": 0, "runAsGroup": 0, "runAsNonRoot": False, "seccompProfile": default,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"fsGroup": 100}, {"runAsUser": 65534, "runAsGroup": 65534, "fsGroup": 100}),
        ({"runAsUser": 0}, {"runAsUser": 0}),
        ({"runAsUser": 0, "runAsGroup": 0}, {"runAsUser": 0, "runAsGroup": 0}),
        ({"runAsGroup": 7}, {"runAsUser": 65534, "runAsGroup": 7}),
    ],
)
def test_security_context_of_plain_manifests_adds_to_ours(
    given: JsonObject, expected: dict[str, int]
) -> None:
    info = _info({"jobTemplate": {"spec": {"securityContext": given}}})
    made = _backup(settings=settings_from_addon(info, verb=Verb.BACKUP))
    assert _spec(made)["securityContext"] == {
        **expected,
        "runAsNonRoot": expected["runAsUser"] != 0,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    context = cast("JsonObject", _container(made)["securityContext"])
    assert ("add" in cast("JsonObject", context["capabilities"])) is (expected["runAsUser"] == 0)


def test_settings_of_plain_manifests_reach_the_pod() -> None:
    resources = {"limits": {"memory": "2Gi"}}
    info = _info(
        {
            "jobTemplate": {
                "metadata": {"labels": {"team": "a"}, "annotations": {"note": "b"}},
                "spec": {
                    "serviceAccountName": "bucket-user",
                    "nodeSelector": {"disk": "ssd"},
                    "tolerations": [{"operator": "Exists"}],
                    "affinity": {"podAffinity": {}},
                    "priorityClassName": "low",
                    "imagePullSecrets": [{"name": "pull"}],
                    "resources": {"limits": {"memory": "1Gi"}},
                    "terminationGracePeriodSeconds": 600,
                    "env": [{"name": "A", "value": "1"}],
                },
            },
            "containerRuntimeSettings": {
                "resources": resources,
                "env": [{"name": "B", "value": "2"}],
                "securityContext": {"runAsUser": 5},
            },
        }
    )
    made = _backup(settings=settings_from_addon(info, verb=Verb.BACKUP))
    metadata, spec, container = cast("JsonObject", made["metadata"]), _spec(made), _container(made)
    labels = cast("JsonObject", metadata["labels"])
    assert labels["team"] == "a"
    assert labels["app.kubernetes.io/component"] == "kubestash-backup"
    assert metadata["annotations"] == {"note": "b"}
    assert spec["serviceAccountName"] == spec["serviceAccount"] == "bucket-user"
    assert spec["nodeSelector"] == {"disk": "ssd"}
    assert spec["tolerations"] == [{"operator": "Exists"}]
    assert spec["affinity"] == {"podAffinity": {}}
    assert spec["priorityClassName"] == "low"
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    assert spec["terminationGracePeriodSeconds"] == 600
    assert container["resources"] == resources
    assert cast("list[object]", container["env"])[2:] == [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "2"},
    ]
    assert container["securityContext"] == {"runAsUser": 5}


def test_labels_of_plain_manifests_cannot_replace_ours() -> None:
    labels = {"stashgen.dev/pod-template": "other"}
    info = _info({"jobTemplate": {"metadata": {"labels": labels}}})
    metadata = cast(
        "JsonObject", _backup(settings=settings_from_addon(info, verb=Verb.BACKUP))["metadata"]
    )
    made = cast("JsonObject", metadata["labels"])
    assert made["stashgen.dev/pod-template"] == "backup-local-k3f9q"


def test_runtime_settings_of_a_storage_reach_its_initialiser() -> None:
    storage = BackupStorage.model_validate(
        {
            "metadata": {"name": "local", "namespace": "demo"},
            "spec": {
                "storage": {"provider": "local", "local": {"nfs": {"server": "nas", "path": "/"}}},
                "runtimeSettings": {
                    "pod": {
                        "podLabels": {"a": "b"},
                        "podAnnotations": {"c": "d"},
                        "serviceAccountName": "bucket-user",
                        "securityContext": {"fsGroup": 65534},
                        "nodeSelector": {"disk": "ssd"},
                    },
                    "container": {"resources": {"limits": {"memory": "1Gi"}}},
                },
            },
        }
    )
    made = templates.init_storage_template(storage, settings_from_storage(storage))
    context = cast("JsonObject", _spec(made)["securityContext"])
    assert (context["runAsUser"], context["fsGroup"]) == (65534, 65534)
    assert cast("JsonObject", made["metadata"])["annotations"] == {"c": "d"}
    assert _spec(made)["serviceAccountName"] == "bucket-user"
    assert _spec(made)["nodeSelector"] == {"disk": "ssd"}
    assert _container(made)["resources"] == {"limits": {"memory": "1Gi"}}
