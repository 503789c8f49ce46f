"""Writes what a kind decided: other objects first, then the status. Written once for all kinds.

``observe`` reads caches only, ``decide`` is pure, and only this module writes: so a second look
at an unchanged object makes no request.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import assert_never, cast

from stashgen.api.base import JsonObject, mapping_of, metadata_of, name_of
from stashgen.api.resources import Resource
from stashgen.api.strict_mode import JOBS_POLICY
from stashgen_controller.kube.client import (
    AlreadyExistsError,
    ApiError,
    Client,
    ConflictError,
    NotFoundError,
)
from stashgen_controller.protocol.reason import Reason
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.conditions import without_retired
from stashgen_controller.runtime.decision import Action, Create, Decision, Delete, Patch
from stashgen_controller.runtime.kind import Reader

log = logging.getLogger(__name__)

# The compiled policy, and RBAC where the compiled RoleBinding is not there.
_UNREVIEWED = (f"ValidatingAdmissionPolicy '{JOBS_POLICY}'", 'cannot create resource "jobs"')


class NameCollisionError(Exception):
    """An object of a name that we need exists and is not ours."""

    def __init__(self, message: str) -> None:
        self.reason = Reason(Cause.NAME_COLLISION, message)
        super().__init__(self.reason.text)


# Given the answer to each write.
Wrote = Callable[[Resource, JsonObject], None]


def apply(
    client: Client,
    reader: Reader,
    obj: JsonObject,
    decision: Decision,
    resource: Resource,
    wrote: Wrote,
) -> None:
    """Do what was decided about an object: the actions in order, then the status if it differs.

    A claim is written first.

    Args:
        client: With which it is done.
        reader: Says whose an object is whose name is taken.
        obj: The object as stored when it was looked at.
        decision: What is to be done.
        resource: The object's kind.
        wrote: Given the answer to each write, so that the caches have it at once.

    A refused action is reported in the object's status before the refusal is raised: it may be
    permanent, and at 03:00 the status is what people read.

    Raises:
        ConflictError: the object changed since it was read; look again.
        NameCollisionError: an object of the wanted name is not ours.
        ApiError: any other refusal; or the claim was not kept, and nothing begins.
    """
    claim = decision.status if decision.is_claim else None
    if claim is not None:
        obj = _write_status(client, resource, obj, claim, wrote)
    for action in decision.actions:
        try:
            if claim is not None and isinstance(action, Create):
                _require_claim(resource, obj, claim)
            _act(client, reader, action, wrote)
        except (ApiError, NameCollisionError) as refusal:
            if decision.refused is not None and _is_refusal(refusal):
                status = decision.refused(_why(refusal), action)
                _write_status(client, resource, obj, status, wrote)
            raise
    if decision.status is not None and not decision.is_claim:
        _write_status(client, resource, obj, decision.status, wrote)


def _require_claim(resource: Resource, stored: JsonObject, wanted: JsonObject) -> None:
    """Stop where the API server dropped the claim, for which an older CRD has no field.

    Nobody would know of its Job, not even we: each look would make another one. What was kept of
    the claim is given back, as after any refusal.

    Raises:
        ApiError: it did.
    """
    kept = mapping_of(stored, "status")
    lost = sorted(set(_claimed_jobs(wanted)) - set(_claimed_jobs(kept)))
    begun = f"that Job {lost[0]} begins" if lost else "what its Job works on"
    if lost or ("inEffect" in wanted and "inEffect" not in kept):
        what = f"{begun} in the status of {resource.kind} {name_of(stored)}"
        msg = f"the API server did not keep {what}: apply the CRDs of this controller's version"
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid", msg)


def _claimed_jobs(value: object) -> Iterator[str]:
    """The names of the Jobs that a status records, wherever they are in it."""
    if isinstance(value, Mapping):
        for field, item in value.items():
            if field == "executor" and isinstance(item, Mapping):
                yield str(item.get("job"))
            else:
                yield from _claimed_jobs(item)
    elif isinstance(value, list):
        for item in value:
            yield from _claimed_jobs(item)


def _is_refusal(error: ApiError | NameCollisionError) -> bool:
    """Whether the server said no; a conflict or a server that is away passes by itself."""
    if isinstance(error, ApiError):
        is_ours = HTTPStatus.BAD_REQUEST <= error.status < HTTPStatus.INTERNAL_SERVER_ERROR
        return is_ours and not isinstance(error, ConflictError)
    return True


def _why(refusal: ApiError | NameCollisionError) -> Reason:
    """Why the server refused; a Job that has not been reviewed yet has our own name for that.

    Git may be ahead of the API server in one of the two: a sync is under way.
    """
    if isinstance(refusal, NameCollisionError):
        return refusal.reason
    if any(words in refusal.message for words in _UNREVIEWED):
        return Reason(Cause.NOT_REVIEWED_YET, refusal.message)
    return Reason(refusal.reason or str(refusal.status), refusal.message)


def _write_status(
    client: Client, resource: Resource, obj: JsonObject, status: JsonObject, wrote: Wrote
) -> JsonObject:
    """Write a status that differs; returns the object as it is then."""
    status = without_retired(status)
    if status == obj.get("status"):
        return obj
    metadata = cast("dict[str, str]", obj["metadata"])
    wanted = {**obj, "status": status}
    stored = client.replace(resource, metadata.get("namespace"), wanted, status=True)
    wrote(resource, stored)
    log.info(
        "wrote status",
        extra={
            "kind": resource.kind,
            "namespace": metadata.get("namespace"),
            "object": metadata["name"],
            "phase": status.get("phase"),
        },
    )
    return stored


def _act(client: Client, reader: Reader, action: Action, wrote: Wrote) -> None:
    match action:
        case Create(resource=resource, manifest=manifest):
            _create(client, reader, resource, manifest, wrote)
        case Patch(resource=resource, namespace=namespace, name=name, body=body):
            wrote(resource, client.patch(resource, namespace, name, body))
            _log("patched", resource, namespace, name)
        case Delete(resource=resource, namespace=namespace, name=name, uid=uid):
            try:
                client.delete(resource, namespace, name, uid=uid)
            except (NotFoundError, ConflictError):
                return
            _log("deleted", resource, namespace, name)
        case _:
            assert_never(action)


def _create(
    client: Client, reader: Reader, resource: Resource, manifest: JsonObject, wrote: Wrote
) -> None:
    metadata = cast("dict[str, str]", manifest["metadata"])
    namespace, name = metadata.get("namespace"), metadata["name"]
    try:
        wrote(resource, client.create(resource, namespace, manifest))
    except AlreadyExistsError:
        existing = reader.stored(resource, namespace, name)
        if existing is None:
            # The caches are behind; the next look knows whose it is.
            raise
        if not is_ours(existing, manifest):
            what = f"{resource.kind} {namespace}/{name}"
            msg = f"{what} already exists and was not created for this object"
            raise NameCollisionError(msg) from None
        return
    _log("created", resource, namespace, name)


def is_ours(existing: JsonObject, wanted: JsonObject) -> bool:
    """Whether an existing object is the one that was to be created.

    The controller's owner reference and all wanted labels must agree, and for KubeStash's kinds
    every wanted field of the spec.
    """
    if _controller_uid(existing) != _controller_uid(wanted):
        return False
    if not _contains(metadata_of(existing).get("labels"), metadata_of(wanted).get("labels")):
        return False
    if str(wanted["apiVersion"]).partition("/")[0].endswith("kubestash.com"):
        return _contains(existing.get("spec"), wanted.get("spec"))
    return True


def _controller_uid(obj: JsonObject) -> object:
    owners = cast("list[JsonObject]", metadata_of(obj).get("ownerReferences") or [])
    return next((owner.get("uid") for owner in owners if owner.get("controller")), None)


def _contains(existing: object, wanted: object) -> bool:
    if isinstance(wanted, Mapping):
        return isinstance(existing, Mapping) and all(
            _contains(existing.get(key), value) for key, value in wanted.items()
        )
    return wanted is None or existing == wanted


def _log(message: str, resource: Resource, namespace: str | None, name: str) -> None:
    log.info(message, extra={"kind": resource.kind, "namespace": namespace, "object": name})
