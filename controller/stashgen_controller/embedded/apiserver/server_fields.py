"""Which fields are the server's, and which a client may set, by creating or by writing again."""

import secrets
import uuid
from datetime import datetime

from stashgen.api.base import JsonObject, format_time, metadata_of
from stashgen_controller.embedded.apiserver.builtins import Served
from stashgen_controller.embedded.apiserver.errors import bad_request

_SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
# What a client may not set: it comes from the server.
_SERVER_FIELDS = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "selfLink",
)


def new_metadata(served: Served, namespace: str, given: JsonObject, now: datetime) -> JsonObject:
    """The metadata of an object that is created: the client's, and what the server adds."""
    ignored = (*_SERVER_FIELDS, "managedFields")
    metadata = {key: value for key, value in given.items() if key not in ignored}
    name = str(metadata.get("name") or "")
    if not name and metadata.get("generateName"):
        suffix = "".join(secrets.choice(_SUFFIX_ALPHABET) for _ in range(5))
        name = f"{metadata['generateName']}{suffix}"
    metadata |= {
        "name": name,
        "uid": str(uuid.uuid4()),
        "creationTimestamp": format_time(now),
    }
    if served.has_generation:
        metadata["generation"] = 1
    if served.resource.namespaced:
        check_namespace(metadata, namespace)
        metadata["namespace"] = namespace
    return metadata


def check_namespace(metadata: JsonObject, namespace: str) -> None:
    """Refuse a body that is of another namespace than the path.

    Raises:
        StatusError: it is.
    """
    if metadata.get("namespace") not in {None, "", namespace}:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )


def with_client_fields(
    served: Served, subresource: str, old: JsonObject, body: JsonObject
) -> JsonObject:
    """Of the request what its path may change, of the stored object the rest."""
    before = metadata_of(old)
    if subresource == "status":
        kept = {key: value for key, value in old.items() if key != "status"}
        return kept | ({"status": body["status"]} if "status" in body else {})
    given = {key: value for key, value in metadata_of(body).items() if key not in _SERVER_FIELDS}
    fixed = {key: before[key] for key in _SERVER_FIELDS if key in before}
    fixed |= {key: before[key] for key in ("name", "namespace", "managedFields") if key in before}
    if "managedFields" in given:
        fixed.pop("managedFields", None)
    new: JsonObject = {**body, "metadata": given | fixed}
    if served.has_status:
        new.pop("status", None)
        if "status" in old:
            new["status"] = old["status"]
    return new
