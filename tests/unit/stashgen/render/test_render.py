"""The proven objects of one volume come out of a project, in their files."""

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import cast

from stashgen.api.backup_configuration import BackupConfiguration
from stashgen.api.base import JsonObject
from stashgen.kubestash.validation.backup_configuration import validate_backup_configuration
from stashgen.model.manifest import Manifest
from stashgen.render import render
from tests.support import one_volume
from tests.support.project import POLICY, PROJECT, ROOT, STORAGE, claim, codes, resolved

_VOLUME = "demo/demo/library.yaml"


def _one_volume() -> tuple[Manifest, ...]:
    # The proven storage is initialised by nobody, on a volume where everybody may write.
    inventory = claim("library") + claim("backup-store")
    outcome = resolved(inventory, STORAGE.replace(ROOT, ""), POLICY)
    assert codes(outcome.findings) == ["SG526"]
    return render(outcome.value)


def _objects(manifests: Iterable[Manifest], kind: str) -> list[JsonObject]:
    return [item.data for item in manifests if item.data["kind"] == kind]


def _replaced(value: object, words: dict[str, str]) -> object:
    match value:
        case str():
            for word, other in words.items():
                value = value.replace(word, other)
            return value
        case dict():
            return {_replaced(key, words): _replaced(item, words) for key, item in value.items()}
        case list() | tuple():
            return [_replaced(item, words) for item in value]
        case _:
            return value


def test_one_volume_is_the_proven_one_but_for_hash_and_minute() -> None:
    manifests = _one_volume()
    (repository,) = _objects(manifests, "Repository")
    (cron_job,) = _objects(manifests, "CronJob")
    name = cast("dict[str, str]", repository["metadata"])["name"]
    schedule = cast("dict[str, str]", cron_job["spec"])["schedule"]
    minute = schedule.removesuffix(" * * * *")
    assert 0 <= int(minute) < 60
    words = {name: "local-k3f9q", schedule: "17 * * * *"}
    made = [
        _replaced(manifest.data, words)
        for manifest in manifests
        if manifest.data["kind"] != "Kustomization"
    ]
    assert sorted(made, key=_identity) == sorted(one_volume.documents(), key=_identity)


def _identity(data: object) -> tuple[str, str]:
    item = cast("JsonObject", data)
    return str(item["kind"]), cast("dict[str, str]", item["metadata"])["name"]


def test_each_object_is_in_the_file_of_its_owner() -> None:
    files: dict[str, list[str]] = {}
    for manifest in _one_volume():
        files.setdefault(str(manifest.path), []).append(str(manifest.data["kind"]))
    template = "PodTemplate"
    assert files == {
        "demo/demo/_namespace.yaml": [
            *["ServiceAccount"] * 2, *["Role"] * 2, *["RoleBinding"] * 2, "RetentionPolicy",
        ],
        "demo/demo/_storage-local.yaml": ["BackupStorage", template],
        _VOLUME: ["Repository", "BackupConfiguration", *[template] * 3, "CronJob"],
        "demo/demo/kustomization.yaml": ["Kustomization"],
        "demo/kustomization.yaml": ["Kustomization"],
    }  # fmt: skip


def test_kustomizations_list_what_a_folder_has_and_none_joins_clusters() -> None:
    made = {
        item.path: item.data["resources"]
        for item in _one_volume()
        if item.data["kind"] == "Kustomization"
    }
    assert made == {
        PurePosixPath("demo/kustomization.yaml"): ["demo"],
        PurePosixPath("demo/demo/kustomization.yaml"): [
            "_namespace.yaml", "_storage-local.yaml", "library.yaml",
        ],
    }  # fmt: skip


def _made(*policies: str, inventory: str = "", project: str = PROJECT) -> tuple[Manifest, ...]:
    outcome = resolved(inventory or claim("library"), *policies, project=project)
    assert outcome.ok
    return render(outcome.value)


def _annotations(manifest: Manifest) -> dict[str, str]:
    metadata = cast("JsonObject", manifest.data.get("metadata") or {})
    return cast("dict[str, str]", metadata.get("annotations") or {})


def test_only_objects_with_a_variable_are_kept_from_substitution() -> None:
    policy = POLICY.replace("job: {", "job: {nodeSelector: {zone: '${ZONE}'}, ")
    key = "kustomize.toolkit.fluxcd.io/substitute"
    marked = [item for item in _made(STORAGE, policy) if key in _annotations(item)]
    assert {_annotations(item)[key] for item in marked} == {"disabled"}
    assert sorted(str(item.data["kind"]) for item in marked) == [
        "CronJob", "PodTemplate", "PodTemplate", "PodTemplate",
    ]  # fmt: skip
    assert not [item for item in _made() if key in _annotations(item)]


def test_what_holds_records_of_backups_is_never_pruned() -> None:
    kept = {
        str(item.data["kind"])
        for item in _made()
        if "Prune=false" in _annotations(item).get("argocd.argoproj.io/sync-options", "")
        and _annotations(item)["kustomize.toolkit.fluxcd.io/prune"] == "disabled"
    }
    assert kept == {"BackupStorage", "Repository"}


def test_accounts_come_first_and_nothing_waits_for_the_health_of_anything() -> None:
    waves: dict[str, set[str]] = {}
    for item in _made():
        wave = _annotations(item).get("argocd.argoproj.io/sync-wave", "0")
        waves.setdefault(wave, set()).add(str(item.data["kind"]))
    assert waves.pop("-1") == {"ServiceAccount", "Role", "RoleBinding"}
    # Argo CD does not wait for the last wave.
    assert waves.keys() == {"0"}
    assert {"BackupStorage", "Repository", "BackupConfiguration", "CronJob"} <= waves["0"]


def test_job_block_reaches_every_pod_and_the_user_only_the_workers() -> None:
    project = PROJECT.replace(
        "defaults: {",
        "defaults: {job: {image: 'worker:9', imagePullPolicy: Always, priorityClassName: low, "
        "imagePullSecrets: [{name: pull}], tolerations: [{operator: Exists}]}, ",
    )
    policy = POLICY.replace(
        ROOT.strip(),
        "job: {runAs: {user: 70}, resources: {limits: {memory: 2Gi}}}",
    )
    users = {}
    for item in _made(STORAGE, policy, project=project):
        template = item.data.get("template")
        if item.data["kind"] == "CronJob":
            job = cast("dict[str, JsonObject]", item.data["spec"])["jobTemplate"]
            template = cast("JsonObject", job["spec"])["template"]
        if template is None:
            continue
        spec = cast("dict[str, JsonObject]", template)["spec"]
        (container,) = cast("list[JsonObject]", spec["containers"])
        assert (container["image"], container["imagePullPolicy"]) == ("worker:9", "Always")
        assert spec["priorityClassName"] == "low"
        assert spec["imagePullSecrets"] == [{"name": "pull"}]
        assert spec["tolerations"] == [{"operator": "Exists"}]
        context = cast("dict[str, int]", spec["securityContext"])
        limits = cast("dict[str, dict[str, str]]", container["resources"])["limits"]
        users[str(container["name"])] = (
            context["runAsUser"], context["runAsGroup"], limits["memory"],
        )  # fmt: skip
    assert users == {
        "init-storage": (0, 0, "128Mi"),
        "logical-backup-0": (70, 70, "2Gi"),
        "logical-backup-restore-0": (70, 70, "2Gi"),
        "maintain": (70, 70, "2Gi"),
        "trigger": (65534, 65534, "128Mi"),
    }


def test_sessions_share_a_repository_and_its_maintenance() -> None:
    start = POLICY.index("  sessions:")
    copies = "copies: [{storage: local, keep: {last: 2}}]"
    sessions = f"[{{name: a, every: 1h, {copies}}}, {{name: b, every: 24h, {copies}}}]"
    manifests = _made(STORAGE, f"{POLICY[:start]}  sessions: {sessions}\n")
    assert len(_objects(manifests, "Repository")) == 1
    assert len(_objects(manifests, "CronJob")) == 2
    assert "--sessions=a,b" in str(_objects(manifests, "PodTemplate"))
    (configuration,) = _objects(manifests, "BackupConfiguration")
    assert len(cast("dict[str, list[object]]", configuration["spec"])["backends"]) == 1


def test_one_storage_with_two_retentions_is_two_backends() -> None:
    start = POLICY.index("  sessions:")
    sessions = (
        "[{name: a, every: 1h, copies: [{storage: local, keep: {last: 2}}]}, {name: b, every: 24h,"
        " copies: [{storage: local, keep: {daily: 7}, directory: 'b/{{volume}}'}]}]"
    )
    manifests = _made(STORAGE, f"{POLICY[:start]}  sessions: {sessions}\n")
    (data,) = _objects(manifests, "BackupConfiguration")
    configuration = BackupConfiguration.model_validate(data)
    assert validate_backup_configuration(configuration) == ()
    assert [backend.name for backend in configuration.spec.backends] == [
        "local", "local-keep-daily7",
    ]  # fmt: skip
    for session, keep in zip(
        configuration.spec.sessions, ("keep-last2", "keep-daily7"), strict=True
    ):
        (repository,) = session.repositories or ()
        backend = configuration.backend(repository.backend)
        assert backend is not None
        assert backend.retention_policy is not None
        assert backend.retention_policy.name == keep
    names = {
        cast("JsonObject", item["metadata"])["name"]
        for item in _objects(manifests, "RetentionPolicy")
    }
    assert names == {"keep-last2", "keep-daily7"}


def test_claims_whose_names_are_no_file_names_of_their_own_have_others() -> None:
    manifests = _made(inventory=claim("kustomization") + claim("a" * 253))
    paths = {item.path.name for item in manifests if item.data["kind"] == "Repository"}
    assert "_volume-kustomization.yaml" in paths
    assert len(paths) == 2
    assert max(map(len, paths)) < 255


def test_clusters_are_apart_and_storages_of_each_have_its_id() -> None:
    project = (
        PROJECT + "  - {name: west, id: wst1, inventory: [{manifests: ['clusters/west/*']}]}\n"
    )
    outcome = resolved(claim("library"), project=project, others={"wst1": claim("library")})
    assert outcome.findings == ()
    manifests = render(outcome.value)
    assert {item.path.parts[0] for item in manifests} == {"demo", "west"}
    sub_paths = {
        item.path.parts[0]: str(item.data["spec"]).split("'subPath': '")[1][:4]
        for item in manifests
        if item.data["kind"] == "BackupStorage"
    }
    assert sub_paths == {"demo": "dem1", "west": "wst1"}
