"""All names of a volume's or storage's objects, now and at run time, to check for collisions.

Every name that a session creates is computed with a sample tick, by KubeStash's own rules. Two
names that agree in their first 32 and last 31 characters would become the same (as with two
replicas of a StatefulSet), and one volume's backup would pass for another's.
"""

from collections.abc import Iterator

from stashgen.kubestash import names
from stashgen.kubestash.pods.templates import template_name
from stashgen.kubestash.verbs import REPOSITORY_TEMPLATES, Template
from stashgen.model.resolved import Protection, ResolvedStorage

# A tick in Unix seconds; every other one has as many digits until the year 2286.
SAMPLE_TICK = 1_893_456_000


def names_of(protection: Protection) -> Iterator[tuple[str, str, bool]]:
    """Every name that a volume's backups need: kind, name, and whether it is cut.

    A Job's name appears once for each way in which it can be created.
    """
    configuration = protection.configuration
    yield ("BackupConfiguration", configuration, False)
    repositories = dict.fromkeys(
        copy.repository for session in protection.sessions for copy in session.copies
    )
    for repository in repositories:
        yield ("Repository", repository, False)
        yield ("Job", names.init_job_name(repository, 1), False)
        for template in REPOSITORY_TEMPLATES:
            yield ("PodTemplate", template_name(template, repository), False)
    for session in protection.sessions:
        cron_job = names.cron_job_name(configuration, session.name)
        yield ("CronJob", cron_job, cron_job != f"trigger-{configuration}-{session.name}")
        yield ("Job", f"{cron_job}-{SAMPLE_TICK // 60}", False)
        backup = names.backup_session_name(configuration, session.name, SAMPLE_TICK)
        whole = f"{configuration}-{session.name}-{SAMPLE_TICK}"
        yield ("BackupSession", backup, backup != whole)
        for index, copy in enumerate(session.copies):
            snapshot = names.snapshot_name(copy.repository, backup)
            yield ("Snapshot", snapshot, snapshot != f"{copy.repository}-{whole}")
            yield ("Job", snapshot, False)
            yield ("Job", names.retain_job_name(backup, index), False)


def names_of_storage(storage: ResolvedStorage) -> Iterator[tuple[str, str, bool]]:
    """Every name that a storage needs in its namespace, as ``names_of``."""
    yield ("BackupStorage", storage.name, False)
    name = template_name(Template.INIT_STORAGE, storage.name)
    # It is also a label value.
    yield ("PodTemplate", name, len(name) > names.MAX_NAME)
    yield ("Job", names.init_storage_job_name(storage.name, 1), False)
