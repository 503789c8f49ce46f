"""Our catalogue: KubeStash's names, parameters and flags."""

from stashgen import __version__
from stashgen.kubestash import addons
from stashgen.kubestash.pods.templates import COMPONENT


def test_addon_has_kubestashs_tasks_functions_and_defaults() -> None:
    spec = addons.pvc_addon().spec
    found = {
        (task.name, task.function): {p.name: p.default for p in task.parameters or ()}
        for task in (*(spec.backup_tasks or ()), *(spec.restore_tasks or ()))
    }
    cache = {"enableCache": "true", "scratchDir": "/kubestash-tmp"}
    assert found == {
        ("logical-backup", "pvc-backup"): {
            "paths": "/kubestash-data",
            "exclude": None,
            "onUnreadable": None,
            **cache,
        },
        ("logical-backup-restore", "pvc-restore"): cache,
    }


def test_every_task_is_one_restic_job() -> None:
    spec = addons.pvc_addon().spec
    for task in (*(spec.backup_tasks or ()), *(spec.restore_tasks or ())):
        assert (task.driver, task.executor, task.singleton) == ("Restic", "Job", True)
        volumes = [volume.name for volume in task.volume_template or ()]
        assert volumes == [mount["name"] for mount in task.volume_mounts or ()]


def test_functions_have_kubestashs_flags_and_ours_for_the_place() -> None:
    place = ["--storage", "--directory", "--component"]
    cache = ["--enable-cache", "--scratch-dir"]
    flags = {
        item.metadata.name: [arg.partition("=")[0] for arg in item.spec.args or ()]
        for item in (addons.pvc_backup(), addons.pvc_restore())
    }
    assert flags == {
        "pvc-backup": [
            "backup", "--namespace", "--backupsession", *place, *cache, "--exclude",
            "--on-unreadable", "--paths",
        ],
        "pvc-restore": [
            "restore", "--namespace", "--restoresession", "--snapshot", *place, *cache,
        ],
    }  # fmt: skip


def test_image_has_the_version_and_no_host() -> None:
    assert addons.pvc_backup().spec.image == f"stashgen-worker:{__version__}"
    assert COMPONENT == "dump"
