"""Strict mode's self-check: does the API server still refuse what has not been reviewed?

In each namespace that we serve, at the start and every hour, Jobs are asked for as a dry run: a
reviewed pod with another image, once for each ReviewedTemplates that a Job can name (a binding of
its own each), and the reviewed pod without the label by which it is looked up. All must be refused
by the policies that stashgen compiled. As long as one is not, we are not ready and no Job is
started: without the policies this controller could run any pod.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from threading import Event, Lock, Thread
from typing import cast

from stashgen.api.backup_storage import BackupStorage
from stashgen.api.base import JsonObject, metadata_of
from stashgen.api.labels import PART_LABEL, is_rendered
from stashgen.api.meta import Kind
from stashgen.api.repository import Repository
from stashgen.api.resources import JOBS
from stashgen.api.strict_mode import JOBS_POLICY, PARTS, WRITES_POLICY
from stashgen.kubestash.verbs import Template, Verb
from stashgen_controller.jobs.manifest import job_manifest, owner_of
from stashgen_controller.jobs.templates import rendered_template
from stashgen_controller.kube.client import ApiError, Client
from stashgen_controller.kube.clock import Clock
from stashgen_controller.protocol.run_spec import RunSpec
from stashgen_controller.runtime.causes import Cause
from stashgen_controller.runtime.kind import Reader

log = logging.getLogger(__name__)

_NAME = "stashgen-self-check"
_IMAGE = "stashgen.invalid/nobody-reviewed-this"
_EVERY = timedelta(hours=1)
# A policy takes some seconds to act; meanwhile the answer is asked for again.
_AGAIN = timedelta(seconds=10)
_LOOK_SECONDS, _FIRST_LOOK_SECONDS = 5.0, 0.5
_JOBS_PATH = JOBS.path()
_SERVED_BY: tuple[tuple[type[Kind], Template], ...] = (
    (Repository, Template.BACKUP),
    (BackupStorage, Template.INIT_STORAGE),
)


# By namespace, an object that is compiled and a reviewed pod of it.
_Served = Mapping[str, tuple[Kind, JsonObject]]


@dataclass(frozen=True, slots=True)
class _Finding:
    """What was found in one namespace; ``reason`` is None where both Jobs were refused."""

    at: datetime
    reason: Cause | None = None
    message: str = ""

    def is_due(self, now: datetime) -> bool:
        """Whether it is time to ask again."""
        return now - self.at >= (_EVERY if self.reason is None else _AGAIN)


class AdmissionCheck:
    """Asks in the background, and before the first Job in a namespace; holds Jobs back.

    Args:
        client: For the dry runs; must not pass the gate itself.
        reader: The caches: which namespaces there are, and with which reviewed pods.
        is_synced: Whether the caches are filled; until then nothing is looked for.
    """

    def __init__(
        self, client: Client, reader: Reader, clock: Clock, is_synced: Callable[[], bool]
    ) -> None:
        self._is_synced = is_synced
        self._client = client
        self._reader = reader
        self._clock = clock
        # One asks at a time; whoever only wants to know what was found does not wait for that.
        self._asking = Lock()
        self._lock = Lock()
        self._found: dict[str, _Finding] = {}
        self._looked = Event()
        self._ending = Event()
        self._thread = Thread(target=self._work, name="admission-check", daemon=True)

    def start(self) -> None:
        """Begin to ask; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop asking."""
        self._ending.set()
        self._thread.join(timeout=10)

    @property
    def problems(self) -> list[str]:
        """Where a policy is missing, in words, sorted."""
        with self._lock:
            found = sorted(self._found.items())
        return [
            f"{Cause.ADMISSION_POLICY_MISSING}: namespace {namespace}: {finding.message}"
            for namespace, finding in found
            if finding.reason is Cause.ADMISSION_POLICY_MISSING
        ]

    @property
    def has_looked(self) -> bool:
        """Whether the first round is over: before that nothing is known."""
        return self._looked.is_set()

    def gate(self, method: str, path: str, query: Mapping[str, str]) -> None:
        """Hold a Job back unless the policies were just seen to act in its namespace.

        Raises:
            ApiError: they were not, or could not be asked.
        """
        del query
        namespace = _namespace_of_jobs(path)
        if method != "POST" or namespace is None:
            return
        finding = self._look(namespace)
        if finding.reason is not None:
            raise ApiError(403, finding.reason, finding.message)

    def look_around(self) -> None:
        """Ask in every namespace where it is time to; forget those that are gone."""
        if not self._is_synced():
            return
        served = self._served()
        with self._lock:
            for namespace in self._found.keys() - served.keys():
                del self._found[namespace]
        for namespace in sorted(served):
            if self._ending.is_set():
                return
            self._look(namespace, served)
        self._looked.set()

    def _work(self) -> None:
        while not self._ending.wait(_LOOK_SECONDS if self.has_looked else _FIRST_LOOK_SECONDS):
            try:
                self.look_around()
            except Exception:  # nobody must believe that all is well because the thread ended
                log.exception("the admission policies cannot be checked")

    def _look(self, namespace: str, served: _Served | None = None) -> _Finding:
        with self._asking:
            now = self._clock.now()
            known = self._known(namespace)
            if known is not None and not known.is_due(now):
                return known
            owner = (self._served() if served is None else served).get(namespace)
            found = self._ask(namespace, owner, now)
            with self._lock:
                self._found[namespace] = found
        if known is None or known.reason != found.reason:
            log.info(
                "checked the admission policies",
                extra={"namespace": namespace, "reason": found.reason, "text": found.message},
            )
        return found

    def _known(self, namespace: str) -> _Finding | None:
        with self._lock:
            return self._found.get(namespace)

    def _ask(
        self, namespace: str, owner: tuple[Kind, JsonObject] | None, now: datetime
    ) -> _Finding:
        if owner is None:
            text = "no object applied here was compiled for a strict cluster"
            return _Finding(now, Cause.NOT_REVIEWED_YET, text)
        for policy, what, job in _probes(*owner, now):
            try:
                self._client.create(JOBS, namespace, job, dry_run=True)
            except ApiError as refusal:
                if f"ValidatingAdmissionPolicy '{policy}'" in refusal.message:
                    continue
                text = f"the admission policies cannot be checked: {refusal}"
                return _Finding(now, Cause.NOT_REVIEWED_YET, text)
            text = f"a Job that policy {policy} must deny would be admitted ({what})"
            return _Finding(now, Cause.ADMISSION_POLICY_MISSING, text)
        return _Finding(now)

    def _served(self) -> _Served:
        found: dict[str, tuple[Kind, JsonObject]] = {}
        for model, kind in _SERVED_BY:
            for obj in self._reader.items(model):
                namespace = obj.key[0]
                if namespace in found or not is_rendered(obj.metadata):
                    continue
                template = rendered_template(self._reader, obj.metadata, kind)
                if template is not None and _says_where_it_was_reviewed(template):
                    found[namespace] = (obj, template)
        return found


def _probes(
    owner: Kind, template: JsonObject, now: datetime
) -> Iterator[tuple[str, str, JsonObject]]:
    """Jobs that must be refused, each with the policy that has to do it, and what is wrong."""
    spec = cast("JsonObject", template["spec"])
    (container, *others) = cast("list[JsonObject]", spec["containers"])
    changed = spec | {"containers": [container | {"image": _IMAGE}, *others]}
    evil = _job(owner, template | {"spec": changed}, now)
    for part in PARTS:
        yield JOBS_POLICY, f"another image, {PART_LABEL}: {part}", _labelled(evil, part)
    yield WRITES_POLICY, f"no label {PART_LABEL}", _labelled(_job(owner, template, now), None)


def _labelled(job: JsonObject, part: str | None) -> JsonObject:
    """A Job that says that it was reviewed there, or does not say."""
    metadata = cast("JsonObject", job["metadata"])
    labels = cast("JsonObject", metadata["labels"])
    kept: JsonObject = {key: value for key, value in labels.items() if key != PART_LABEL}
    added: JsonObject = {} if part is None else {PART_LABEL: part}
    return job | {"metadata": metadata | {"labels": kept | added}}


def _job(owner: Kind, template: JsonObject, now: datetime) -> JsonObject:
    plan = RunSpec(verb=Verb.BACKUP, cluster_uid="")
    return job_manifest(
        name=_NAME, owner=owner_of(owner), template=template, plan=plan, labels={}, now=now
    )


def _says_where_it_was_reviewed(template: JsonObject) -> bool:
    """Only for a strict cluster are pods compiled so."""
    metadata = metadata_of(template)
    return PART_LABEL in cast("JsonObject", metadata.get("labels") or {})


def _namespace_of_jobs(path: str) -> str | None:
    """The namespace of a request to a namespace's Jobs."""
    root, _, plural = _JOBS_PATH.rpartition("/")
    if not path.startswith(f"{root}/namespaces/"):
        return None
    namespace, _, rest = path.removeprefix(f"{root}/namespaces/").partition("/")
    return namespace if rest == plural else None
