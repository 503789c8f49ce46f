"""The cluster's cron rules: what a schedule means, when it ticks, how it is spread.

Independent of KubeStash. croniter accepts nine classes of schedules that the API server rejects and
moves runs that a clock change skips, so it serves only as a second opinion.
"""

from stashgen.cron.fields import Code, CronError
from stashgen.cron.schedule import ClockChange, Schedule
from stashgen.cron.spread import every_to_cron, spread

__all__ = ["ClockChange", "Code", "CronError", "Schedule", "every_to_cron", "spread"]
