"""All names of a volume's objects, now and at run time, to check for collisions.

Every name that a session creates is computed with a sample tick, by KubeStash's own rules. Compiled
names are short enough that none is ever cut, but they are joined with dashes, so two volumes'
sessions can have the same; one volume's backup would pass for another's.
"""

from collections.abc import Iterator

from stashgen.kubestash import names
from stashgen.kubestash.pods.templates import template_name
from stashgen.kubestash.verbs import REPOSITORY_TEMPLATES
from stashgen.model.resolved import Protection

# A tick in Unix seconds; every other one has as many digits until the year 2286.
SAMPLE_TICK = 1_893_456_000


def names_of(protection: Protection) -> Iterator[tuple[str, str]]:
    """Every name that a volume's backups need: kind and name.

    A Job's name appears once for each way in which it can be created.
    """
    configuration = protection.configuration
    yield ("BackupConfiguration", configuration)
    repositories = dict.fromkeys(
        copy.repository for session in protection.sessions for copy in session.copies
    )
    for repository in repositories:
        yield ("Repository", repository)
        yield ("Job", names.init_job_name(repository, 1))
        yield ("Job", names.upkeep_job_name(repository, SAMPLE_TICK // 60))
        for template in REPOSITORY_TEMPLATES:
            yield ("PodTemplate", template_name(template, repository))
    for session in protection.sessions:
        cron_job = names.cron_job_name(configuration, session.name)
        yield ("CronJob", cron_job)
        yield ("Job", f"{cron_job}-{SAMPLE_TICK // 60}")
        backup = names.backup_session_name(configuration, session.name, SAMPLE_TICK)
        yield ("BackupSession", backup)
        for index, copy in enumerate(session.copies):
            snapshot = names.snapshot_name(copy.repository, backup)
            yield ("Snapshot", snapshot)
            yield ("Job", snapshot)
            yield ("Job", names.retain_job_name(backup, index))
