"""The models have every documented field of KubeStash's kinds, and ours are known by name.

One line a type: ``name`` is a single value, ``name[]`` a list, ``name{}`` a map, ``*`` required;
after a colon the type of what is inside, where it is one of the models or a shape.
"""

import types
import typing

import pytest
from pydantic import BaseModel, create_model

from stashgen.api.crd import Definition, crd_for
from stashgen.api.definitions import DEFINITIONS
from stashgen.api.meta import Kind, ObjectMeta
from stashgen.api.resources import Resource
from stashgen.api.shapes import shape_of

_FIELDS = {
    # Shared.
    "ObjectReference": "name* namespace",
    "TypedObjectReference": "apiGroup kind name* namespace",
    "TypedLocalObjectReference": "apiGroup kind* name*",
    "Condition": "type* status* lastTransitionTime* reason message observedGeneration severity",
    "UsagePolicy": "allowedNamespaces:AllowedNamespaces",
    "AllowedNamespaces": "from selector:LabelSelector",
    "LabelSelector": "matchLabels{} matchExpressions[]:LabelSelectorRequirement",
    "LabelSelectorRequirement": "key* operator* values[]",
    "RuntimeSettings": "pod:PodRuntimeSettings container:ContainerRuntimeSettings",
    "PodRuntimeSettings": "podLabels{} podAnnotations{} serviceAccountName"
    " serviceAccountAnnotations{} nodeSelector{} affinity:Affinity tolerations[]:Toleration"
    " securityContext:PodSecurityContext imagePullSecrets[]:LocalObjectReference nodeName"
    " priorityClassName priority readinessGates[]:PodReadinessGate runtimeClassName schedulerName"
    " enableServiceLinks automountServiceAccountToken"
    " topologySpreadConstraints[]:TopologySpreadConstraint",
    "ContainerRuntimeSettings": "resources:ResourceRequirements livenessProbe:Probe"
    " readinessProbe:Probe lifecycle:Lifecycle securityContext:SecurityContext nice:NiceSettings"
    " ionice:IoNiceSettings env[]:EnvVar envFrom[]:EnvFromSource",
    "NiceSettings": "adjustment",
    "IoNiceSettings": "class classData",
    "OffshootPodTemplate": "metadata:TemplateMetadata controller:TemplateMetadata"
    " spec:OffshootPodSpec",
    "TemplateMetadata": "labels{} annotations{}",
    "OffshootPodSpec": "affinity:Affinity args[] containerSecurityContext:SecurityContext"
    " dnsConfig:PodDNSConfig dnsPolicy enableServiceLinks env[]:EnvVar hostIPC hostNetwork"
    " hostPID imagePullSecrets[]:LocalObjectReference initContainers[]:Container"
    " lifecycle:Lifecycle livenessProbe:Probe nodeSelector{}"
    " podPlacementPolicy:LocalObjectReference priority priorityClassName readinessProbe:Probe"
    " resources:ResourceRequirements runtimeClassName schedulerName"
    " securityContext:PodSecurityContext serviceAccountName shareProcessNamespace"
    " terminationGracePeriodSeconds tolerations[]:Toleration"
    " topologySpreadConstraints[]:TopologySpreadConstraint volumeMounts[]:VolumeMount"
    " volumes[]:Volume",
    "RetryConfig": "maxRetry delay",
    "ParameterDefinition": "name usage required default",
    # BackupStorage.
    "BackupStorageSpec": "storage:Backend usagePolicy:UsagePolicy default deletionPolicy"
    " runtimeSettings:RuntimeSettings",
    "Backend": "provider local:LocalBackend s3:S3Backend gcs:GcsBackend azure:AzureBackend",
    "LocalBackend": "mountPath subPath maxConnections persistentVolumeClaim:ClaimSource"
    " hostPath:HostPathSource nfs:NfsSource emptyDir:EmptyDirVolumeSource csi:CsiSource",
    "ClaimSource": "claimName* readOnly",
    "HostPathSource": "path* type",
    "NfsSource": "server* path* readOnly",
    "CsiSource": "driver* readOnly fsType volumeAttributes{} nodePublishSecretRef:LocalReference",
    "LocalReference": "name",
    "S3Backend": "endpoint bucket prefix region secretName maxConnections insecureTLS",
    "GcsBackend": "bucket prefix secretName maxConnections",
    "AzureBackend": "storageAccount container prefix secretName maxConnections",
    "BackupStorageStatus": "phase totalSize repositories[]:BackupStorageRepository"
    " conditions[]:Condition",
    "BackupStorageRepository": "name namespace path size synced error",
    # RetentionPolicy.
    "RetentionPolicySpec": "maxRetentionPeriod successfulSnapshots:SuccessfulSnapshots"
    " failedSnapshots:FailedSnapshots usagePolicy:UsagePolicy default",
    "SuccessfulSnapshots": "last hourly daily weekly monthly yearly",
    "FailedSnapshots": "last",
    # BackupConfiguration.
    "BackupConfigurationSpec": "target:TypedObjectReference backends[]:BackendReference"
    " sessions[]:Session paused",
    "BackendReference": "name storageRef:ObjectReference retentionPolicy:ObjectReference",
    "Session": "name scheduler:Scheduler hooks:BackupHooks retryConfig:RetryConfig backupTimeout"
    " sessionHistoryLimit addon:AddonInfo repositories[]:SessionRepository",
    "Scheduler": "schedule* jobTemplate*:SchedulerJobTemplate startingDeadlineSeconds"
    " concurrencyPolicy suspend successfulJobsHistoryLimit failedJobsHistoryLimit",
    "SchedulerJobTemplate": "parallelism completions activeDeadlineSeconds backoffLimit"
    " template:OffshootPodTemplate ttlSecondsAfterFinished completionMode suspend",
    "BackupHooks": "preBackup[]:HookInfo postBackup[]:HookInfo",
    "HookInfo": "name hookTemplate:ObjectReference params{} maxRetry timeout executionPolicy"
    " variables[]:EnvVar volumes[]:Volume volumeMounts[]:VolumeMount"
    " runtimeSettings:RuntimeSettings",
    "AddonInfo": "name tasks[]:TaskReference jobTemplate:OffshootPodTemplate"
    " containerRuntimeSettings:ContainerRuntimeSettings",
    "TaskReference": "name params{} variables[]:EnvVar targetVolumes:TargetVolumes"
    " addonVolumes[]:AddonVolume",
    "TargetVolumes": "volumes[]:Volume volumeMounts[]:VolumeMount"
    " volumeClaimTemplates[]:PersistentVolumeClaim",
    "AddonVolume": "name source:AddonVolumeSource",
    "SessionRepository": "name backend directory encryptionSecret:ObjectReference deletionPolicy"
    " backupVerifier:ObjectReference",
    "BackupConfigurationStatus": "phase targetFound backends[]:BackendStatus"
    " repositories[]:SessionRepositoryStatus dependencies[]:Dependency sessions[]:SessionStatus"
    " conditions[]:Condition",
    "BackendStatus": "name ready storage:StorageStatus retentionPolicy:RetentionPolicyStatus",
    "StorageStatus": "ref:ObjectReference phase reason",
    "RetentionPolicyStatus": "ref:ObjectReference found reason",
    "SessionRepositoryStatus": "name phase reason verificationConfigured",
    "Dependency": "apiGroup kind name* namespace found",
    "SessionStatus": "name nextSchedule conditions[]:Condition",
    # Repository.
    "RepositorySpec": "appRef:TypedObjectReference storageRef:ObjectReference path deletionPolicy"
    " encryptionSecret:ObjectReference paused",
    "RepositoryStatus": "phase lastBackupTime integrity snapshotCount size"
    " recentSnapshots[]:RecentSnapshot componentPaths[] conditions[]:Condition",
    "RecentSnapshot": "name phase session size snapshotTime",
    # BackupSession.
    "BackupSessionSpec": "invoker:TypedLocalObjectReference session retryLeft backupTimeout",
    "BackupSessionStatus": "phase duration backupDeadline totalSnapshots"
    " snapshots[]:SnapshotSummary hooks:SessionHooksStatus"
    " retentionPolicy[]:RetentionPolicyApplyStatus retried nextRetry conditions[]:Condition",
    "SnapshotSummary": "name phase appRef:TypedObjectReference repository",
    "SessionHooksStatus": "preHooks[]:HookStatus postHooks[]:HookStatus",
    "HookStatus": "name phase",
    "RetentionPolicyApplyStatus": "ref:ObjectReference repository phase error",
    # Snapshot.
    "SnapshotSpec": "snapshotID type repository session backupSession version"
    " appRef:TypedObjectReference deletionPolicy paused",
    "SnapshotStatus": "phase verificationStatus verificationSession snapshotTime lastUpdateTime"
    " size integrity totalComponents components{}:Component conditions[]:Condition",
    "Component": "path phase size duration integrity error driver resticStats[]:ResticStats"
    " volumeSnapshotterStats[]:VolumeSnapshotterStats logStats:LogStats walGStats:WalGStats"
    " medusaStats:MedusaStats solrStats[]:SolrStats clickHouseStats[]:ClickHouseStats"
    " neo4jStats[]:Neo4jStats",
    "ResticStats": "summary:Summary progress:Progress",
    "Summary": "id uploaded hostPath size startTime endTime",
    "Progress": "secondsElapsed percentDone totalFiles filesDone backupDone restoreDone total"
    " speed",
    "VolumeSnapshotterStats": "pvcName hostPath volumeSnapshotName volumeSnapshotTime",
    # RestoreSession.
    "RestoreSessionSpec": "target:TypedObjectReference dataSource:DataSource addon:AddonInfo"
    " hooks:RestoreHooks restoreTimeout manifestOptions:ManifestOptions",
    "DataSource": "namespace repository snapshot pitr:PointInTime components[]"
    " encryptionSecret:ObjectReference",
    "PointInTime": "targetTime exclusive",
    "RestoreHooks": "preRestore[]:HookInfo postRestore[]:HookInfo",
    "ManifestOptions": "workload:WorkloadManifestOptions mongoDB:DatabaseManifest"
    " postgres:DatabaseManifest mySQL:DatabaseManifest mariaDB:DatabaseManifest"
    " msSQLServer:MsSqlServerManifest redis:DatabaseManifest redisSentinel:RedisSentinelManifest"
    " druid:DruidManifest zooKeeper:DatabaseManifest singlestore:DatabaseManifest"
    " clickhouse:DatabaseManifest",
    "WorkloadManifestOptions": "restoreNamespace",
    "RestoreSessionStatus": "phase targetFound duration restoreDeadline totalComponents"
    " components{}:RestoreComponent hooks:RestoreHooksStatus dependencies[]:Dependency"
    " pausedBackups[]:TypedObjectReference conditions[]:Condition",
    "RestoreComponent": "phase progress:Progress duration error",
    "RestoreHooksStatus": "preHooks[]:HookStatus postHooks[]:HookStatus",
    # Addon and Function.
    "AddonSpec": "backupTasks[]:AddonTask restoreTasks[]:AddonTask",
    "AddonTask": "name function driver executor singleton parameters[]:ParameterDefinition"
    " volumeTemplate[]:VolumeTemplate volumeMounts[]:VolumeMount",
    "VolumeTemplate": "name usage source:AddonVolumeSource",
    "FunctionSpec": "image command[] args[] workingDir ports[]:ContainerPort"
    " volumeMounts[]:VolumeMount volumeDevices[]:VolumeDevice"
    " runtimeSettings:ContainerRuntimeSettings availableVersions[]",
}
# What our controller keeps in a status beside what KubeStash documents, and our own kinds.
_OURS = {
    "Executor": "job* attempt* planDigest* jobUID created pod podTerminated stopsBy ended lostTime",
    "BackupStorageStatus": "executor:Executor",
    "RepositoryStatus": "executor:Executor writerMatches writerClaimUID"
    " snapshotResync:ResyncStatus openRestore:RestoreRecord upkeep:UpkeepStatus"
    " acceptedRestore:RestoreRecord goodRestore:RestoreRecord lostPods[]:LostPod",
    "UpkeepStatus": "lastCheckTime lastCheckCreated lastPruneTime checks failures nextTryTime"
    " checkedPaths[] prunedPaths[] damageAnswered stops stoppedFor waitingSince forcedAttempt"
    " fullStorage executor:Executor",
    "ResyncStatus": "phase* request cursor records ignored examples[] executor:Executor",
    "LostPod": "pod* kind* name* uid claims[] until*",
    "RestoreRecord": "restoreSession* uid* since*",
    "AffectedFiles": "count* first[]",
    "Component": "unreadable:AffectedFiles",
    "RestoreComponent": "metadataRefused:AffectedFiles",
    "SnapshotStatus": "executor:Executor writer:RecordedWriter",
    "RecordedWriter": "claimUID matches*",
    "RetentionPolicyApplyStatus": "executor:Executor",
    "RestoreInEffect": "target* repository* snapshot* specDigest*",
    "RestoreSessionStatus": "executor:Executor inEffect:RestoreInEffect"
    " restoredBefore:RestoredBefore",
    "RestoredBefore": "time* message*",
    "RestoreRequestSpec": "nonce* notAfter* repository* snapshot* target*:RestoreTarget mode*"
    " onMissing* reason",
    "RestoreRequestStatus": "observedGeneration phase snapshot restoreSession attempt"
    " restoredBefore error conditions[]:Condition",
    "RestoreTarget": "name*",
    "ReviewedTemplatesSpec": "templates[]:ReviewedTemplate",
    "ReviewedTemplate": "name* labels{}* annotations{} podSpec{}* restoreInto:RestoreInto",
    "RestoreInto": "volume* claimPrefix* protected[]*",
}
# Per type and field: the values that are allowed, and the default in the schema.
_ENUMS = {
    "AddonTask.driver": "Restic WalG VolumeSnapshotter Solr Medusa ClickHouseBackup Neo4jAdmin",
    "AddonTask.executor": "Job Sidecar EphemeralContainer MultiLevelJob",
    "AllowedNamespaces.from": "All Selector Same",
    "BackupConfigurationStatus.phase": "NotReady Ready Invalid",
    "BackupSessionStatus.phase": "Pending Running Succeeded Failed Skipped",
    "BackupStorageSpec.deletionPolicy": "Delete WipeOut",
    "BackupStorageStatus.phase": "Ready NotReady",
    "Component.driver": "Restic WalG VolumeSnapshotter Solr Medusa ClickHouseBackup Neo4jAdmin",
    "Component.phase": "Pending Running Succeeded Failed",
    "Condition.severity": "Error Warning Info ",
    "Condition.status": "True False Unknown",
    "HookInfo.executionPolicy": "Always OnSuccess OnFailure",
    "HookStatus.phase": "Succeeded Failed Pending",
    "RepositorySpec.deletionPolicy": "Delete WipeOut",
    "RepositoryStatus.phase": "Ready NotReady",
    "RestoreComponent.phase": "Pending Running Failed Succeeded Invalid Unknown",
    "RestoreSessionStatus.phase": "Pending Running Failed Succeeded Invalid Unknown",
    "RetentionPolicyApplyStatus.phase": "Pending Applied FailedToApply",
    "SessionRepository.deletionPolicy": "Delete WipeOut Retain",
    "SessionRepositoryStatus.phase": "NotReady Ready",
    "SnapshotSpec.deletionPolicy": "Delete WipeOut",
    "SnapshotStatus.phase": "Pending Running Succeeded Failed",
    "SnapshotStatus.verificationStatus": "Verified NotVerified VerificationFailed",
    "SnapshotSummary.phase": "Pending Running Succeeded Failed",
}
_DEFAULTS = {
    "AllowedNamespaces.from": "Same",
    "BackupStorageSpec.deletionPolicy": "Delete",
    "FailedSnapshots.last": 1,
    "HookInfo.executionPolicy": "Always",
    "RepositorySpec.deletionPolicy": "Delete",
    "RetryConfig.maxRetry": 1,
    "Session.sessionHistoryLimit": 1,
    "SnapshotSpec.deletionPolicy": "Delete",
}
_MINIMA = {"RetryConfig.maxRetry": 1, "HookInfo.maxRetry": 0}


def _inside(annotation: object) -> tuple[str, object]:
    """``[]``, ``{}`` or nothing, and what is in it; ``None`` as an option does not count."""
    if typing.get_origin(annotation) in {typing.Union, types.UnionType}:
        (annotation,) = (item for item in typing.get_args(annotation) if item is not type(None))
    if typing.get_origin(annotation) is typing.Annotated:
        annotation = typing.get_args(annotation)[0]
    origin = typing.get_origin(annotation)
    shape = "[]" if origin is tuple else "{}" if origin is dict else ""
    if shape:
        annotation = next(
            item for item in reversed(typing.get_args(annotation)) if item is not Ellipsis
        )
    return shape, annotation


def _model(annotation: object) -> type[BaseModel] | None:
    _, inner = _inside(annotation)
    return inner if isinstance(inner, type) and issubclass(inner, BaseModel) else None


def _models() -> dict[str, type[BaseModel]]:
    """Every model below spec and status of the kinds, by name."""
    found: dict[str, type[BaseModel]] = {}
    todo: list[type[BaseModel]] = [definition.model for definition in DEFINITIONS]
    while todo:
        for field in todo.pop().model_fields.values():
            inner = _model(field.annotation)
            if inner is None or inner is ObjectMeta:
                continue
            if inner.__name__ not in found:
                found[inner.__name__] = inner
                todo.append(inner)
            assert found[inner.__name__] is inner, f"two models are called {inner.__name__}"
    return found


def _line(model: type[BaseModel]) -> set[str]:
    """The fields of a model in the notation of the table."""
    found = set()
    for field in model.model_fields.values():
        around, _ = _inside(field.annotation)
        model_inside = _model(field.annotation)
        inner = model_inside.__name__ if model_inside else shape_of(field)
        # A shape is an object itself.
        around = "" if around == "{}" and shape_of(field) else around
        star = "*" if field.is_required() else ""
        found.add(f"{field.alias}{around}{star}" + (f":{inner}" if inner else ""))
    return found


_MODELS = _models()


def test_every_model_is_documented() -> None:
    assert _MODELS.keys() == _FIELDS.keys() | _OURS.keys()


@pytest.mark.parametrize("name", sorted(_FIELDS.keys() | _OURS.keys()))
def test_model_has_the_documented_fields_and_no_others(name: str) -> None:
    documented = set(f"{_FIELDS.get(name, '')} {_OURS.get(name, '')}".split())
    assert _line(_MODELS[name]) == documented


def test_kinds_have_a_spec_and_where_it_is_documented_a_status() -> None:
    for definition in DEFINITIONS:
        fields = definition.model.model_fields
        wanted = {"apiVersion", "kind", "metadata", "spec"}
        wanted |= {"status"} if definition.has_status else set()
        assert {field.alias for field in fields.values()} == wanted
        assert definition.resource.api_version == fields["api_version"].default
        assert definition.resource.kind == fields["kind"].default


def _schema_of(name: str) -> dict[str, dict[str, object]]:
    """The CRD's nodes of a model's fields."""
    fields: typing.Any = {"held": (_MODELS[name], None), "kind": (str, "Holder")}
    holder = create_model("Holder", __base__=Kind, **fields)
    definition = Definition(Resource("group", "v1", "Holder", "holders"), holder, columns=())
    node: typing.Any = crd_for(definition)
    schema = node["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    properties: dict[str, dict[str, object]] = schema["properties"]["held"]["properties"]
    return properties


def _said(keyword: str) -> dict[str, object]:
    return {
        f"{name}.{field}": node[keyword]
        for name in _FIELDS
        for field, node in _schema_of(name).items()
        if keyword in node
    }


def test_values_of_closed_sets_are_the_documented_ones() -> None:
    found = {
        path: sorted(map(str, typing.cast("list[object]", values)))
        for path, values in _said("enum").items()
    }
    assert found == {path: sorted(text.split(" ")) for path, text in _ENUMS.items()}


def test_defaults_and_minima_of_the_schema_are_the_documented_ones() -> None:
    assert _said("default") == _DEFAULTS
    assert _said("minimum") == _MINIMA


def test_provider_and_type_are_free_strings() -> None:
    assert _schema_of("Backend")["provider"] == {"type": "string"}
    assert _schema_of("SnapshotSpec")["type"] == {"type": "string"}
