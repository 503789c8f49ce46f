"""The findings of the resolve pass."""

from collections.abc import Sequence
from enum import StrEnum

from stashgen.diagnostics import Finding, Position, Severity, quote
from stashgen.model.source import Origin
from stashgen.policy.project import Cluster, Project


class Code(StrEnum):
    """The findings of this pass; each is explained in docs/findings.md."""

    RPO = "SG409"
    KEEP_FOR = "SG410"
    MIN_COPIES = "SG411"
    SELECTS_NOTHING = "SG511"
    SELECTED_TWICE = "SG512"
    NO_NAMESPACE_LABELS = "SG513"
    OTHER_NAMESPACE = "SG514"
    SAME_DIRECTORY = "SG515"
    NAME = "SG516"
    SHARED_REPOSITORY = "SG517"
    UNUSED_STORAGE = "SG518"
    BLOCK_VOLUME = "SG519"
    STORAGE_ITSELF = "SG520"
    SAME_RETENTION_NAME = "SG521"
    SAME_BUCKET = "SG522"
    POD_SECURITY = "SG523"
    NO_POLICY = "SG524"
    UNKNOWN_NAME = "SG525"
    OTHER_USER = "SG526"
    NOT_ACKNOWLEDGED = "SG527"
    ACKNOWLEDGED_TWICE = "SG528"
    FOREIGN_BACKUP = "SG529"
    UNPROTECTED = "SG530"
    NOT_IN_CLUSTER = "SG531"
    TWO_SOURCES = "SG532"
    NO_CLAIM = "SG533"
    NOT_IN_INVENTORY = "SG540"
    MATCHES_NOTHING = "SG541"
    EXPIRED = "SG542"
    NOT_DELEGATED = "SG543"
    UNKNOWN_ANNOTATION = "SG544"
    IDLE_ANNOTATION = "SG545"
    REPLACES_EXCEPTION = "SG546"
    MATCHES_EVERYTHING = "SG547"
    NO_USER = "SG550"
    SEVERAL_USERS = "SG551"
    CACHE = "SG552"
    NO_WORKLOAD = "SG553"
    ONE_POD = "SG554"


def finding(  # each part of a message is an argument of its own
    code: str,
    origin: Origin,
    what: str,
    *,
    why: str,
    fix: str,
    related: Sequence[Position] = (),
    severity: Severity = Severity.ERROR,
) -> Finding:
    """A finding about a value in a document."""
    return Finding(
        code=code,
        severity=severity,
        position=origin.position,
        subject=origin.subject,
        what=what,
        why=why,
        fix=fix,
        related=tuple(related),
    )


def not_delegated(origin: Origin, what: str, bound: Origin, fix: str) -> Finding:
    """An error about an annotation, and where a policy sets the bound that it is beyond."""
    return finding(
        Code.NOT_DELEGATED,
        origin,
        what,
        why="claims and namespaces decide what a policy delegates to them, and nothing else",
        fix=fix,
        related=(bound.position,),
    )


def in_cluster(project: Project, cluster: Cluster) -> str:
    """The cluster as findings name it where a project has several."""
    return f" in cluster {quote(cluster.name)}" if len(project.spec.clusters) > 1 else ""
