"""In which form objects are shown: whole, as metadata alone, or as a table."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import cast

from pydantic import JsonValue

from stashgen.api.base import JsonObject
from stashgen_controller.embedded.apiserver.builtins import Served
from stashgen_controller.embedded.apiserver.tables import table


class Form(StrEnum):
    """What a client asks for in ``Accept`` (Kubernetes API concepts, "Receiving resources ...")."""

    OBJECT = ""
    METADATA = "PartialObjectMetadata"
    TABLE = "Table"

    @classmethod
    def asked_for(cls, accept: str) -> "Form":
        """The form of the first media type that we can write; we write only JSON."""
        for media in accept.split(","):
            type_, *parameters = (part.strip() for part in media.split(";"))
            if type_ not in {"application/json", "application/*", "*/*", ""}:
                continue
            wanted = dict(part.partition("=")[::2] for part in parameters).get("as", "")
            known = {form.value: form for form in cls}
            return known.get(wanted.removesuffix("List"), cls.OBJECT)
        return cls.OBJECT


def show(form: Form, served: Served, obj: JsonObject, now: datetime) -> JsonObject:
    """One object."""
    match form:
        case Form.TABLE:
            version = cast("Mapping[str, str]", obj["metadata"]).get("resourceVersion", "")
            return table(served, [obj], {"resourceVersion": version}, now)
        case Form.METADATA:
            return metadata_only(obj)
        case Form.OBJECT:
            return obj


def show_list(
    form: Form, served: Served, items: Sequence[JsonObject], metadata: JsonObject, now: datetime
) -> JsonObject:
    """A list of objects with the list's own metadata."""
    resource = served.resource
    kind, version = f"{resource.kind}List", resource.api_version
    match form:
        case Form.TABLE:
            return table(served, items, metadata, now)
        case Form.METADATA:
            kind, version = "PartialObjectMetadataList", "meta.k8s.io/v1"
            items = [metadata_only(item) for item in items]
        case Form.OBJECT:
            pass
    return {
        "kind": kind,
        "apiVersion": version,
        "metadata": metadata,
        "items": cast("JsonValue", items),
    }


def metadata_only(obj: JsonObject) -> JsonObject:
    """An object as PartialObjectMetadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": obj["metadata"],
    }
