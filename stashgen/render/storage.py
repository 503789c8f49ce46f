"""The objects of one storage: the BackupStorage and the pod that initialises it."""

from typing import cast

from stashgen.api.backup_storage import Backend, BackupStorage
from stashgen.api.base import JsonObject
from stashgen.api.labels import pod_template_annotation
from stashgen.kubestash.pods import templates
from stashgen.kubestash.verbs import Template
from stashgen.model.resolved import ResolvedStorage
from stashgen.policy.template import cluster_values, fill
from stashgen.render.annotations import COMPILED, KEPT
from stashgen.render.settings import with_identity, worker_settings


def backup_storage(storage: ResolvedStorage) -> JsonObject:
    """The BackupStorage with every default explicit."""
    template = templates.template_name(Template.INIT_STORAGE, storage.name)
    named = {pod_template_annotation(Template.INIT_STORAGE): template}
    annotations = COMPILED | named | KEPT | dict(storage.backend.annotations())
    return cast(
        "JsonObject",
        {
            "apiVersion": "storage.kubestash.com/v1alpha1",
            "kind": "BackupStorage",
            "metadata": {
                "name": storage.name,
                "namespace": storage.namespace,
                "annotations": annotations,
            },
            "spec": {
                "storage": {"provider": storage.provider, storage.provider: storage.block},
                "usagePolicy": {"allowedNamespaces": {"from": "Same"}},
                "default": False,
                "deletionPolicy": "Delete",
            },
        },
    )


def with_keys_to_delete(data: BackupStorage, storage: ResolvedStorage) -> BackupStorage:
    """A BackupStorage as the pods that delete backups reach it: with the Secret or role for them.

    Args:
        data: As it is rendered.
        storage: What it was rendered from.
    """
    credentials = storage.credentials
    if credentials is None or credentials.value.per_verb is None:
        return data
    own = credentials.value.per_verb.retain
    annotation = storage.backend.role_annotation
    if storage.backend.role is not None and annotation is not None:
        names = cluster_values(storage.cluster) | {"namespace": storage.namespace}
        annotations = (data.metadata.annotations or {}) | {annotation: fill(own, names)}
        metadata = data.metadata.model_copy(update={"annotations": annotations})
        return data.model_copy(update={"metadata": metadata})
    block = storage.block | {"secretName": own}
    backend = Backend.model_validate({"provider": storage.provider, storage.provider: block})
    return data.model_copy(update={"spec": data.spec.model_copy(update={"storage": backend})})


def storage_objects(data: JsonObject, storage: ResolvedStorage) -> tuple[JsonObject, ...]:
    """The objects of ``_storage-<name>.yaml``; ``data`` is the BackupStorage."""
    model = BackupStorage.model_validate(data)
    settings = worker_settings(storage.job.value, storage.cluster)
    template = templates.init_storage_template(model, with_identity(settings, storage))
    name = templates.template_name(Template.INIT_STORAGE, storage.name)
    return (data, pod_template(name, storage.namespace, template))


def pod_template(name: str, namespace: str, template: JsonObject) -> JsonObject:
    """A PodTemplate object around a template."""
    return {
        "apiVersion": "v1",
        "kind": "PodTemplate",
        "metadata": {"name": name, "namespace": namespace},
        "template": template,
    }
