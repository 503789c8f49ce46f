"""The cluster's cron rules: what a schedule means, when it ticks, how it is spread.

Independent of KubeStash. croniter accepts nine classes of schedules that the API server rejects and
moves runs that a clock change skips, so it serves only as a second opinion.
"""

from stashgen.cron.alike import BLOCK_MINUTES, split_offset, without_offset
from stashgen.cron.every import every_to_cron
from stashgen.cron.fields import Code, CronError
from stashgen.cron.nightly import hourly_window, split_night
from stashgen.cron.schedule import ClockChange, Schedule, changed_times
from stashgen.cron.spread import is_confined, spread
from stashgen.cron.window import Window, parse_window

__all__ = [
    "BLOCK_MINUTES",
    "ClockChange",
    "Code",
    "CronError",
    "Schedule",
    "Window",
    "changed_times",
    "every_to_cron",
    "hourly_window",
    "is_confined",
    "parse_window",
    "split_night",
    "split_offset",
    "spread",
    "without_offset",
]
