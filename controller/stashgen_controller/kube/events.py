"""Kubernetes Events of an object, read when a decision asks for them."""

import logging
from datetime import UTC, datetime

from stashgen.api.base import JsonObject, mapping_of, parse_time
from stashgen.api.resources import EVENTS
from stashgen_controller.kube.client import ApiError, Client

log = logging.getLogger(__name__)

NORMAL, WARNING = "Normal", "Warning"
_LONG_AGO = datetime.fromtimestamp(0, UTC)


def latest_warning(client: Client, kind: str, namespace: str, name: str) -> str:
    """What the newest Warning about an object says; empty where there is none, or no answer."""
    selector = f"involvedObject.kind={kind},involvedObject.name={name},type={WARNING}"
    try:
        found = client.list(EVENTS, namespace, field_selector=selector)[0]
    except ApiError as error:
        log.warning("no events were read", extra={"namespace": namespace, "error": str(error)})
        return ""
    newest = max(found, key=lambda event: time_of(event) or _LONG_AGO, default={})
    return f"{newest.get('reason')}: {newest.get('message')}" if newest.get("message") else ""


def time_of(event: JsonObject) -> datetime | None:
    """When an Event was seen last: older clients write the one field, newer ones another."""
    for text in (
        mapping_of(event, "series").get("lastObservedTime"),
        event.get("lastTimestamp"),
        event.get("eventTime"),
        mapping_of(event, "metadata").get("creationTimestamp"),
    ):
        if text:
            return parse_time(str(text))
    return None
