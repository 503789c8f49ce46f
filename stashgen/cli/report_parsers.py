"""What ``stashgen report`` understands, and its ``--help``."""

import argparse
import math
from datetime import date
from pathlib import Path

from stashgen.cli.commands import ReportFormat
from stashgen.diagnostics import quote

_ALL = 100
_MOST_DAYS = 3660
Parser = argparse.ArgumentParser


def add_reports(report: Parser, *parents: Parser) -> None:
    """Add the reports to ``stashgen report``."""
    reports = report.add_subparsers(dest="report", metavar="REPORT", required=True)

    def add(name: str, summary: str, description: str) -> Parser:
        made = reports.add_parser(
            name,
            parents=[*parents],
            allow_abbrev=False,
            help=summary,
            description=description,
        )
        made.add_argument(
            "--by",
            metavar="cluster|namespace|policy|label:KEY",
            help="also count by cluster, by namespace, by policy, or by a label of namespaces or "
            "clusters",
        )
        made.add_argument(
            "--format",
            dest="format_",
            choices=[one.value for one in ReportFormat],
            default=ReportFormat.TEXT.value,
            help="text (default) or json",
        )
        return made

    add(
        "coverage",
        "every volume: protected, excluded, unprotected or unknown, and why",
        "Every volume of every inventory: protected (by which policy, what it achieves, in which "
        "storages), excluded (why), unprotected (which policy comes closest) or unknown.",
    ).add_argument(
        "--fail-under",
        metavar="PERCENT",
        type=_percent,
        help="exit with code 1 if fewer of the volumes that are not excluded are protected; with "
        "--by, in any of the groups",
    )
    _scenario(
        add(
            "schedule",
            "how old the newest backup becomes, and what begins when",
            "Simulate every run of a time to come: the age that each volume's newest backup "
            "reaches, when rpo and minCopies do not hold, the minutes and hours in which most "
            "copies begin in a storage, and what clock changes leave out.",
        ),
        "rpo or minCopies",
    )
    retention = add(
        "retention",
        "which restore points there are on each day, and what they take",
        "Simulate every run of a time to come and the retention after it: how far back each "
        "volume's restore points reach, when keepFor does not hold, and with --change what is in "
        "each storage and what that costs.",
    )
    _scenario(retention, "keepFor")
    retention.add_argument(
        "--change",
        metavar="PERCENT",
        type=_percent,
        help="how much of a volume changes in a day; prints what is in each storage",
    )
    retention.add_argument(
        "--growth",
        metavar="PERCENT",
        type=_growth,
        default=0.0,
        help="by how much a volume grows in a year (default: 0)",
    )
    retention.add_argument(
        "--size",
        metavar="QUANTITY",
        help="of a volume, such as 20Gi, where no Repository in the inventory has a status with a "
        "size (default: what its claim requests)",
    )
    retention.add_argument(
        "--prices", metavar="FILE", type=Path, help="what the storages cost; YAML or JSON"
    )


def _scenario(report: Parser, objectives: str) -> None:
    report.add_argument(
        "--days",
        metavar="NUMBER",
        type=_days,
        default=400,
        help="how many days to simulate (default: 400)",
    )
    report.add_argument(
        "--start", metavar="DATE", type=_date, help="the first day, in UTC (default: today)"
    )
    report.add_argument(
        "--outage",
        metavar="STORAGE=DURATION[@DATE]",
        dest="outages",
        action="append",
        default=[],
        help="a storage cannot be reached for so long, such as s3-eu=3d, from the middle of the "
        "days on or from 00:00 UTC of a date; may be given several times",
    )
    report.add_argument(
        "--failures",
        metavar="PERCENT",
        type=_percent,
        default=0.0,
        help="how many of the runs fail, after all retries (default: 0)",
    )
    report.add_argument(
        "--seed", metavar="NUMBER", type=int, default=0, help="draws other runs that fail"
    )
    report.add_argument(
        "--volume",
        metavar="NAME",
        help="only this volume: namespace/name or cluster/namespace/name",
    )
    report.add_argument(
        "--fail-on",
        metavar="OBJECTIVE[,OBJECTIVE]",
        action="append",
        default=[],
        help=f"exit with code 1 if one of these does not hold at every moment: {objectives}",
    )


def _percent(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= _ALL:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 100")
    return value


def _growth(text: str) -> float:
    value = _number(text)
    if not -_ALL < value <= _ALL * _ALL:
        raise argparse.ArgumentTypeError(f"{text} is not a number above -100 and up to 10000")
    return value


def _number(text: str) -> float:
    try:
        return float(text.removesuffix("%"))
    except ValueError:
        return math.nan


def _days(text: str) -> int:
    # Not int() alone: it reads other digits and underscores, too.
    value = int(text) if text.isascii() and text.isdigit() and len(text) < _ALL else 0
    if not 1 <= value <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text} is not a number of days from 1 to {_MOST_DAYS}")
    return value


def _date(text: str) -> date:
    try:
        return calendar_day(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def calendar_day(text: str) -> date:
    """A day such as ``2027-01-31``, of a time that schedules can be computed for.

    Raises:
        ValueError: it is none.
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        found = None
    # Not the other forms of ISO 8601, such as that of weeks.
    if found is None or found.isoformat() != text:
        raise ValueError(f"{quote(text)} is not a date such as 2027-01-31")
    if not date(2000, 1, 1) <= found <= date(2100, 1, 1):
        raise ValueError(f"{text} is not from 2000 to 2100")
    return found
