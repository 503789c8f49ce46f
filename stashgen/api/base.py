"""What every model of an API object shares: camelCase, frozen, unknown fields refused."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    JsonValue,
    PlainSerializer,
    StrictBool,
    StrictInt,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

JsonObject = dict[str, JsonValue]
Int = StrictInt
Bool = StrictBool


def _read_time(value: object) -> object:
    if isinstance(value, str):
        return _parse_text(value)
    return _with_zone(value) if isinstance(value, datetime) else value


@lru_cache(maxsize=4096)
def _parse_text(text: str) -> datetime:
    """Cached: the conditions of one object repeat few times, and each of its versions has them."""
    return _with_zone(datetime.fromisoformat(text))


def _with_zone(value: datetime) -> datetime:
    if value.tzinfo is None:
        msg = "a time needs a zone"
        raise ValueError(msg)
    try:
        value.astimezone(UTC)
    except OverflowError as error:
        msg = "a time needs a year from 1 to 9999 in UTC"
        raise ValueError(msg) from error
    return value


def metadata_of(obj: JsonObject) -> JsonObject:
    """An object's metadata as plain data; nothing where it has none."""
    return cast("JsonObject", obj.get("metadata") or {})


def mapping_of(obj: JsonObject, field: str) -> JsonObject:
    """A field that holds an object, such as ``spec``; empty where it is absent or null."""
    return cast("JsonObject", obj.get(field) or {})


def list_of(obj: JsonObject, field: str) -> list[JsonObject]:
    """A field that holds objects in a list; empty where it is absent or null."""
    return cast("list[JsonObject]", obj.get(field) or [])


def name_of(obj: JsonObject) -> str:
    """An object's name."""
    return cast("dict[str, str]", obj["metadata"])["name"]


def namespace_of(obj: JsonObject) -> str:
    """An object's namespace; empty for what has none."""
    return str(metadata_of(obj).get("namespace") or "")


def uid_of(obj: JsonObject) -> str:
    """An object's UID."""
    return cast("dict[str, str]", obj["metadata"])["uid"]


def labels_of(obj: JsonObject) -> Mapping[str, str]:
    """An object's labels; empty where it has none."""
    return cast("Mapping[str, str]", metadata_of(obj).get("labels") or {})


@lru_cache(maxsize=4096)
def format_time(value: datetime) -> str:
    """RFC 3339 in UTC with whole seconds, as Kubernetes' metav1.Time writes it.

    Cached: a status is written from the times that were read with it.
    """
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_time(text: str) -> datetime:
    """Read an RFC 3339 time.

    Raises:
        ValueError: when the text is not a time with a zone, or cannot be said in UTC.
    """
    return _parse_text(text)


# A metav1.Time: an aware datetime here, RFC 3339 with whole seconds on the wire.
Time = Annotated[
    datetime,
    BeforeValidator(_read_time),
    PlainSerializer(format_time, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


_NUMBER = r"([0-9]+(\.[0-9]*)?|\.[0-9]+)"
# Go writes microseconds with the micro sign and reads the Greek letter too.
_DURATION = f"^(0|({_NUMBER}(ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)$"

# A metav1.Duration: Go's text form. The API server refuses another text; what we read from files
# is checked by a function, so that the message says where.
Duration = Annotated[str, WithJsonSchema({"type": "string", "pattern": _DURATION})]


class Model(BaseModel):
    """Base of all API models.

    Pydantic checks shape only: strict integers and booleans, no unknown fields. A rule across
    fields is a function elsewhere, so that a user sees every error in one round.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    @classmethod
    def from_wire(cls, value: object) -> Self:
        """Read what an API server returned; fields of a newer version are passed over.

        Raises:
            pydantic.ValidationError: when the shape is wrong.
        """
        return cls.model_validate(value, extra="ignore")

    @classmethod
    def from_wire_json(cls, data: bytes) -> Self:
        """Read the JSON text of what an API server returned, without plain data in between.

        Raises:
            pydantic.ValidationError: when the shape is wrong.
        """
        return cls.model_validate_json(data, extra="ignore")

    def to_wire(self) -> JsonObject:
        """Plain JSON data with Kubernetes' field names, unset fields left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_none=True)


# For what others write: fields that we do not know are passed over.
LENIENT = ConfigDict(
    frozen=True,
    extra="ignore",
    alias_generator=to_camel,
    validate_by_name=True,
    validate_by_alias=True,
    serialize_by_alias=True,
)
