"""``stashgen report schedule`` and ``retention`` as JSON.

docs/schedule.schema.json and docs/retention.schema.json; durations in seconds, sizes in bytes,
times in UTC.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from stashgen import __version__
from stashgen.api.base import format_time
from stashgen.report.formats.json_report import API_VERSION, place
from stashgen.report.over_time import Row, RowGroup
from stashgen.report.stored import Stored
from stashgen.timeline.growth import Growth
from stashgen.timeline.history import Timeline
from stashgen.timeline.load import ChangeDay, StorageLoad
from stashgen.timeline.scenario import Scenario
from stashgen.timeline.volume import Copy

_DAY = timedelta(days=1)
_Json = dict[str, object]


def schedule_json(
    rows: Sequence[Row],
    groups: Sequence[RowGroup],
    loads: Sequence[StorageLoad],
    changes: Sequence[ChangeDay],
    scenario: Scenario,
) -> str:
    """One object: the volumes and what begins when."""
    found = {
        **_head("ScheduleReport", rows, groups, scenario),
        "volumes": [_volume(row, "oldestNewest") for row in rows],
        "storages": [
            {
                "name": one.storage,
                "starts": one.starts,
                "busiestMinute": {"starts": one.peak, "at": format_time(one.peak_at)},
                "busiestHour": {"starts": one.busiest, "at": format_time(one.busiest_at)},
                "startsByHourOfWeek": list(one.heat),
            }
            for one in loads
        ],
        "clockChanges": [
            {
                "at": format_time(one.at),
                "timeZone": one.time_zone,
                "skipped": one.skipped,
                "repeated": one.repeated,
                "sessions": one.sessions,
            }
            for one in changes
        ],
    }
    return _text(found)


def retention_json(
    rows: Sequence[Row],
    groups: Sequence[RowGroup],
    sizes: Stored,
    storages: Sequence[tuple[str, Growth]],
    currency: str,
    scenario: Scenario,
) -> str:
    """One object: the volumes, and the days of each timeline that some of them share."""
    lines: dict[int, tuple[int, Timeline]] = {}
    volumes = []
    for row in rows:
        copies = []
        for copy, timeline in row.timeline.copies:
            number, _ = lines.setdefault(id(timeline), (len(lines), timeline))
            copies.append(_copy(copy, number))
        volumes.append({**_volume(row, "leastHistory"), "copies": copies})
    found = {
        **_head("RetentionReport", rows, groups, scenario),
        "volumes": volumes,
        "timelines": [_timeline(one, scenario) for _, one in lines.values()],
        "sizes": {
            "recorded": sizes.recorded,
            "assumed": sizes.assumed,
            "requested": sizes.requested,
            "unknown": sizes.unknown,
        },
        "currency": currency or None,
        "storages": [
            {
                "name": name,
                "firstBytes": round(one.first),
                "lastBytes": round(one.last),
                "mostBytes": round(one.most),
                "uploadedBytes": round(one.uploaded),
                "cost": None if one.cost is None else round(one.cost, 2),
            }
            for name, one in storages
        ],
    }
    return _text(found)


def _head(kind: str, rows: Sequence[Row], groups: Iterable[RowGroup], scenario: Scenario) -> _Json:
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "version": __version__,
        "scenario": {
            "start": scenario.day(0).isoformat(),
            "days": scenario.days,
            "outages": [
                {
                    "storage": one.storage,
                    "start": format_time(one.start),
                    "end": format_time(one.end),
                }
                for one in scenario.outages
            ],
            "failurePercent": 100 * scenario.failures,
            "seed": scenario.seed,
            "changePercentADay": 100 * scenario.change,
            "growthPercentAYear": 100 * scenario.growth,
        },
        "summary": {"volumes": len(rows), "missed": sum(bool(row.missed) for row in rows)},
        "groups": [
            {
                "name": one.name,
                "volumes": one.volumes,
                "missed": one.missed,
                "worstSeconds": _seconds(one.worst),
            }
            for one in groups
        ],
    }


def _volume(row: Row, worst: str) -> _Json:
    demanded, value = row.protection.objectives, row.worst
    return {
        "cluster": row.volume.cluster,
        "namespace": row.volume.namespace,
        "name": row.volume.name,
        "policy": row.protection.policy,
        **place(row.protection.position),
        "objectives": {
            "rpoSeconds": _seconds(demanded.rpo),
            "keepForSeconds": _seconds(demanded.keep_for),
            "minCopies": demanded.min_copies,
        },
        worst: None
        if value is None
        else {"seconds": _seconds(value.value), "at": format_time(value.at)},
        "failedRuns": row.timeline.failed,
        "missed": [
            {"objective": name, "start": format_time(one.start), "end": format_time(one.end)}
            for name, spans in row.missed.items()
            for one in spans
        ],
    }


def _copy(copy: Copy, timeline: int) -> _Json:
    return {
        "session": copy.session,
        "storage": copy.storage,
        "timeline": timeline,
        "laterSeconds": _seconds(copy.later),
    }


def _timeline(line: Timeline, scenario: Scenario) -> Mapping[str, Sequence[object]]:
    """A value for each day, as it is when the day ends."""
    ends = [scenario.start + (number + 1) * _DAY for number in range(len(line.days))]
    return {
        "points": [day.points for day in line.days],
        "newestSeconds": [_age(day.newest, end) for day, end in zip(line.days, ends, strict=True)],
        "oldestSeconds": [_age(day.oldest, end) for day, end in zip(line.days, ends, strict=True)],
        "stored": [round(day.stored, 4) for day in line.days],
    }


def _age(moment: datetime | None, end: datetime) -> int | None:
    return None if moment is None else _seconds(end - moment)


def _seconds(value: timedelta | None) -> int | None:
    return None if value is None else int(value.total_seconds())


def _text(found: _Json) -> str:
    return json.dumps(found, indent=2) + "\n"
