"""Names of the objects that a session creates (KubeStash's algorithms) and of compiled objects.

Compiled names are short enough that KubeStash never cuts them: two long names that agree in their
first 32 and last 31 characters would otherwise become the same.
"""

import hashlib
import re

MAX_NAME = 63
# A CronJob's Jobs get 11 more characters (Kubernetes, "CronJob", name rules).
MAX_CRON_JOB_NAME = 52
_HEAD, _TAIL = 32, 31
_TICK = re.compile(r"(?P<name>.*)-(?P<unix>[0-9]+)")
# In minutes since the epoch, July 2017 to 2160. Below are the dates (20261124) that people end
# the names of hand-made Jobs with.
_FIRST_TICK, _LAST_TICK = 25_000_000, 99_999_999
_HASH_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"

# A Snapshot of the longest names, <repository>-<configuration>-<session>-<Unix seconds>, has 63.
MAX_CONFIGURATION = 22
MAX_SESSION = 12
_STORAGE_PART = 5
# Of 100,000 names in one namespace, two are the same in one of 700,000 projects (36^10 values);
# with five digits it would be nearly every one.
_DIGITS = 10
# A policy has few sessions; with ten digits one letter of their names would be left.
_SESSION_DIGITS = 5


def short_hash(*parts: str, length: int = _DIGITS) -> str:
    """Lower-case letters and digits that depend on all parts and on nothing else."""
    number = int.from_bytes(hashlib.sha256("\0".join(parts).encode()).digest()[:8])
    digits = ""
    for _ in range(length):
        number, digit = divmod(number, len(_HASH_ALPHABET))
        digits += _HASH_ALPHABET[digit]
    return digits


def cut(name: str) -> str:
    """KubeStash's cut: the first 32 and the last 31 characters, no dash, no hash added."""
    if len(name) > MAX_NAME:
        name = name[:_HEAD] + name[-_TAIL:]
    return name.strip("-")


def prefix_name_suffix(prefix: str, name: str, suffix: str) -> str:
    """The non-empty parts joined by dashes, cut to 63 characters."""
    return cut("-".join(part for part in (prefix, name, suffix) if part))


def cut_with_hash(name: str) -> str:
    """At most 63 characters: a longer name ends in a hash of the whole."""
    if len(name) <= MAX_NAME:
        return name
    return _hashed(name, MAX_NAME, name)


def _hashed(name: str, longest: int, *identity: str) -> str:
    """The beginning of a name and a hash, together at most as long as said."""
    return f"{name[: longest - 1 - _DIGITS].rstrip('-')}-{short_hash(*identity)}"


def cron_job_name(configuration: str, session: str) -> str:
    """The CronJob of a session: ``trigger-<bc>-<session>``, cut to 52 characters."""
    name = f"trigger-{configuration}-{session}"
    if len(name) > MAX_CRON_JOB_NAME:
        half = MAX_CRON_JOB_NAME // 2
        name = name[:half] + name[-half:]
    return name.strip("-")


def backup_session_name(configuration: str, session: str, unix: int) -> str:
    """A BackupSession: ``<bc>-<session>-<unix seconds>``."""
    return prefix_name_suffix(configuration, session, str(unix))


def snapshot_name(repository: str, backup_session: str) -> str:
    """A Snapshot and its Job: ``<repository>-<bc>-<session>-<unix>``, from the BackupSession's."""
    match = _TICK.fullmatch(backup_session)
    if match is None:
        return prefix_name_suffix(repository, backup_session, "")
    return prefix_name_suffix(repository, match["name"], match["unix"])


def retain_job_name(backup_session: str, index: int, attempt: int = 1) -> str:
    """The retention Job of a session's copy, counted from 0; from the second one with its number.

    One Job removes a limited number of Snapshots; another one continues.
    """
    more = f"-{attempt}" if attempt > 1 else ""
    return cut_with_hash(f"retain-{backup_session}-{index}{more}")


def init_job_name(repository: str, attempt: int) -> str:
    """The Job that initialises a Repository, attempts counted from 1."""
    return cut_with_hash(f"init-{repository}-{attempt}")


def resync_job_name(repository: str, attempt: int) -> str:
    """The Job that reads a page of a Repository's Snapshots back, attempts counted from 1."""
    return cut_with_hash(f"resync-{repository}-{attempt}")


def upkeep_job_name(repository: str, attempt: int) -> str:
    """The Job that prunes and checks a Repository; the number is the minute in which it begins."""
    return cut_with_hash(f"upkeep-{repository}-{attempt}")


def init_storage_job_name(storage: str, attempt: int) -> str:
    """The Job that initialises a BackupStorage, attempts counted from 1."""
    return cut_with_hash(f"init-storage-{storage}-{attempt}")


def requested_restore_name(nonce: str, attempt: int) -> str:
    """The RestoreSession (and so the Job) of a RestoreRequest, attempts counted from 1.

    With the first attempt's number as well: ``incident-42-2`` may be another request's nonce.
    """
    return cut_with_hash(f"restore-{nonce}-{attempt}")


def tick_of_job(job: str) -> int | None:
    """Unix seconds of the tick that a CronJob's Job stands for, or None for another Job.

    The CronJob controller ends the name with the scheduled time in minutes since the epoch; a
    Job that somebody made by hand (``kubectl create job --from``) has no tick.
    """
    match = _TICK.fullmatch(job)
    minutes = int(match["unix"]) if match is not None else 0
    return minutes * 60 if _FIRST_TICK <= minutes <= _LAST_TICK else None


def claim_name_part(claim: str, *identity: str) -> str:
    """The compiled BackupConfiguration's name: the claim's, or 11 of its characters and a hash.

    Args:
        claim: The claim's name, a DNS subdomain.
        identity: What the hash depends on: cluster id, namespace and claim.
    """
    if len(claim) <= MAX_CONFIGURATION and "." not in claim:
        return claim
    return _hashed(claim.replace(".", "-"), MAX_CONFIGURATION, *identity)


def session_name_part(session: str) -> str:
    """The compiled session's name: as written, or 6 of its characters and a hash."""
    if len(session) <= MAX_SESSION:
        return session
    head = session[: MAX_SESSION - 1 - _SESSION_DIGITS].rstrip("-")
    return f"{head}-{short_hash(session, length=_SESSION_DIGITS)}"


def repository_name(storage: str, *identity: str) -> str:
    """The compiled Repository's name: the storage's (5 characters at most) and a hash.

    The hash depends on the whole name of the storage too: ``s3-europe-a`` and ``s3-europe-b``
    agree in their first characters.
    """
    head = storage.replace(".", "-")[:_STORAGE_PART].rstrip("-")
    return f"{head}-{short_hash(*identity, storage)}"
