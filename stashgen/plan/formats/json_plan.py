"""A Plan as JSON (docs/plan.schema.json): each volume by itself, nothing is cut."""

import json
from collections.abc import Iterable

from stashgen import __version__
from stashgen.model.inventory import VolumeKey
from stashgen.plan.plan import (
    Access,
    Cause,
    Change,
    DroppedHistory,
    Ended,
    Moved,
    ObjectClass,
    Peak,
    Plan,
    Removal,
    Replaced,
    ShortenedHistory,
    VolumePlan,
)

# Fields are added to a version, never renamed or removed.
API_VERSION = "plan.stashgen.dev/v1alpha1"
_Json = dict[str, object]


def render(plan: Plan) -> str:
    """One object, in a stable order."""
    found = {
        "apiVersion": API_VERSION,
        "kind": "Plan",
        "version": __version__,
        "before": plan.before,
        "after": plan.after,
        "isEmpty": plan.is_empty,
        "effects": sorted(plan.effects),
        "protected": {"before": plan.protected[0], "after": plan.protected[1]},
        "notes": list(plan.notes),
        "volumes": [_volume(one) for one in plan.volumes],
        "droppedHistories": [_dropped(one) for one in plan.dropped],
        "shortenedHistories": [_shortened(one) for one in plan.shortened],
        "wiped": list(plan.wiped),
        "peaks": [_peak(one) for one in plan.peaks],
        "access": [_access(one) for one in plan.access],
        "objects": [_objects(one) for one in plan.objects],
    }
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _volume(one: VolumePlan) -> _Json:
    return {
        **_key(one.key),
        "change": one.kind.value,
        "reason": one.reason,
        "effects": sorted(one.effects),
        "causes": _causes(one.causes),
        "changes": [_change(item) for item in one.changes],
        "newHistories": [_replaced(item) for item in one.replaced],
        "endedHistories": [_ended(item) for item in one.ended],
        "removals": [_removal(item) for item in one.removals],
        "moved": [_moved(item) for item in one.moved],
    }


def _key(key: VolumeKey) -> _Json:
    return {"clusterID": key.cluster_id, "namespace": key.namespace, "volume": key.name}


def _causes(causes: Iterable[Cause]) -> list[_Json]:
    return [
        {
            "path": str(one.position.path),
            "line": one.position.line,
            "column": one.position.column,
            "text": one.text,
            "removed": one.is_removed,
        }
        for one in causes
    ]


def _change(one: Change) -> _Json:
    return {
        "field": one.field,
        "before": one.before,
        "after": one.after,
        "worse": one.is_worse,
        "causes": _causes(one.causes),
    }


def _replaced(one: Replaced) -> _Json:
    return {
        "differs": list(one.what),
        "before": one.before,
        "after": one.after,
        "restorePointsLeftBehind": one.left_behind,
        "uploadBytes": one.upload_bytes,
        "causes": _causes(one.causes),
    }


def _ended(one: Ended) -> _Json:
    return {
        "session": one.session,
        "storage": one.storage,
        "repository": one.repository,
        "restorePoints": one.restore_points,
        "until": one.until,
        "dropped": one.is_dropped,
        "causes": _causes(one.causes),
    }


def _removal(one: Removal) -> _Json:
    return {
        "session": one.session,
        "storage": one.storage,
        "before": one.before,
        "after": one.after,
        "restorePoints": one.had,
        "atOnce": one.at_once,
        "withinSeconds": one.within_seconds,
        "ageDays": {"newest": one.newest_days, "oldest": one.oldest_days},
        "laterWithin30Days": one.later,
        "restorePointsInTheLongRun": one.left,
        "causes": _causes(one.causes),
    }


def _moved(one: Moved) -> _Json:
    return {"session": one.session, "before": one.before, "after": one.after}


def _dropped(one: DroppedHistory) -> _Json:
    return {
        **_key(one.volume),
        "repository": one.repository,
        "until": one.until,
    }


def _shortened(one: ShortenedHistory) -> _Json:
    return {
        **_key(one.volume),
        "repository": one.repository,
        "before": one.before,
        "after": one.after,
        "past": one.is_past,
        "causes": _causes(one.causes),
    }


def _peak(one: Peak) -> _Json:
    return {
        "storage": one.storage,
        "before": {"copies": one.before, "at": one.was_at},
        "after": {"copies": one.after, "at": one.at},
    }


def _access(one: Access) -> _Json:
    cluster, _, namespace = one.place.partition("/")
    return {
        "cluster": cluster,
        "namespace": namespace,
        "what": one.what,
        "before": one.before,
        "after": one.after,
    }


def _objects(one: ObjectClass) -> _Json:
    return {
        "kind": one.kind,
        "change": one.change,
        "number": one.number,
        "fields": [
            {"path": field.path, "before": field.before, "after": field.after}
            for field in one.fields
        ],
        "same": one.is_same,
        "examples": list(one.places),
    }
