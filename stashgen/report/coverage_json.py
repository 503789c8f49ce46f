"""``stashgen report coverage`` as JSON (docs/coverage.schema.json); durations in seconds."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

from stashgen import __version__
from stashgen.diagnostics import Position
from stashgen.model.resolved import Protection
from stashgen.report.coverage import Group, State, VolumeCoverage
from stashgen.report.formats.json_report import API_VERSION, place
from stashgen.resolve.achieved import achieved

KIND = "CoverageReport"


def coverage_json(volumes: Sequence[VolumeCoverage], groups: Sequence[Group], whole: Group) -> str:
    """One object: the numbers, the groups, and each volume as the text has it."""
    found = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "version": __version__,
        "summary": _numbers(whole),
        "groups": [{"name": one.name, **_numbers(one)} for one in groups],
        "volumes": [_volume(one) for one in volumes],
    }
    return json.dumps(found, indent=2) + "\n"


def _numbers(one: Group) -> dict[str, object]:
    return {**{state: one.counts[state] for state in State}, "percent": one.percent}


def _volume(one: VolumeCoverage) -> dict[str, object]:
    return {
        "cluster": one.cluster,
        "namespace": one.namespace,
        "name": one.name,
        "state": one.state,
        **place(one.position),
        "reason": None if one.reason is None else _reason(*one.reason),
        "protection": None if one.protection is None else _protection(one.protection),
    }


def _reason(text: str, position: Position) -> dict[str, object]:
    return {"text": text, **place(position)}


def _protection(one: Protection) -> dict[str, object]:
    reached, demanded = achieved(one), one.objectives
    return {
        "policy": one.policy,
        "paused": one.paused,
        "sessions": [
            {
                "name": session.written.name,
                "schedule": session.schedule,
                "timeZone": session.time_zone,
                "suspend": session.suspend,
                "storages": [copy.storage.name for copy in session.copies],
            }
            for session in one.sessions
        ],
        "achieved": _objectives(reached.rpo, reached.keep_for, reached.copies),
        "demanded": _objectives(demanded.rpo, demanded.keep_for, demanded.min_copies),
    }


def _objectives(
    rpo: timedelta | None, keep_for: timedelta | None, copies: int | None
) -> Mapping[str, object]:
    return {
        "rpoSeconds": None if rpo is None else int(rpo.total_seconds()),
        "keepForSeconds": None if keep_for is None else int(keep_for.total_seconds()),
        "copies": copies,
    }
