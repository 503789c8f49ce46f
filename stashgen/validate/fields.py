"""Which rule applies to which field."""

from collections.abc import Iterator

from stashgen.api.retention_policy import COUNTS
from stashgen.diagnostics import Finding
from stashgen.validate import (
    backends,
    delegate,
    guardrails,
    identities,
    keep,
    paths,
    pod_values,
    records,
    secret_sources,
    selectors,
    times,
    values,
)
from stashgen.validate.values import Rule
from stashgen.validate.walk import SETTINGS, Code, Keys, each, error
from stashgen.yaml.documents import Document
from stashgen.yaml.nodes import Json

_JOB: tuple[tuple[str, Rule], ...] = (
    ("image", pod_values.image),
    ("imagePullPolicy", pod_values.pull_policy),
    ("runAs", pod_values.run_as),
    ("runAs.user", values.whole(0)),
    ("runAs.group", values.whole(0)),
    ("runAs.else.user", values.whole(0)),
    ("runAs.else.group", values.whole(0)),
    ("resources", pod_values.resources),
    ("nodeSelector", pod_values.node_selector),
    ("tolerations[*]", pod_values.toleration),
    ("priorityClassName", values.subdomain),
    ("imagePullSecrets[*]", pod_values.pull_secret),
    ("imagePullSecrets[*].name", values.subdomain),
    ("env", pod_values.variables),
    ("labels", pod_values.pod_labels),
    ("annotations", pod_values.pod_annotations),
    ("topologySpreadConstraints[*]", pod_values.spread_constraint),
    ("cache.size", pod_values.size),
    ("cache.storageClass", values.subdomain),
    ("nice.adjustment", values.whole(0, 19)),
    ("ionice.class", values.whole(2, 3)),
    ("ionice.classData", values.whole(0, 7)),
    ("ionice", pod_values.idle),
)
# What the Jobs of a storage do not have.
_OF_VOLUMES = ("cache", "nice", "ionice", "runAs.from")
_UPKEEP: tuple[tuple[str, Rule], ...] = (
    ("check.every", times.upkeep_interval),
    ("check.readData", values.share),
    ("prune.every", times.upkeep_interval),
)
_COPY = "sessions[*].copies[*]"
_FROM = "spec.clusters[*].inventory[*].from[*]"


def _job(path: str) -> tuple[tuple[str, Rule], ...]:
    return tuple((f"{path}.{field}", rule) for field, rule in _JOB)


def _upkeep(path: str) -> tuple[tuple[str, Rule], ...]:
    return tuple((f"{path}.{field}", rule) for field, rule in _UPKEEP)


def _secret(path: str) -> tuple[tuple[str, Rule], ...]:
    names = ("secretName", "store.name")
    return tuple((f"{path}.{field}", values.subdomain) for field in names)


def _settings(path: str) -> tuple[tuple[str, Rule], ...]:
    return (
        (f"{path}.exclude", values.not_empty),
        (f"{path}.exclude[*]", paths.left_out),
        (f"{path}.timeZone", times.time_zone),
        (f"{path}.objectives.rpo", times.objective),
        (f"{path}.objectives.keepFor", times.objective),
        (f"{path}.objectives.minCopies", values.whole(1, 100)),
        *_secret(f"{path}.encryption"),
        (f"{path}.sessions", values.not_empty),
        (f"{path}.sessions[*].name", values.label),
        (f"{path}.sessions[*].every", times.every),
        (f"{path}.sessions[*].schedule", times.schedule),
        (f"{path}.sessions[*].between", times.between),
        (f"{path}.sessions[*].days", values.not_empty),
        (f"{path}.sessions[*].days[*]", times.weekday),
        (f"{path}.sessions[*].timeout", times.duration),
        (f"{path}.sessions[*].historyLimit", values.whole(1, 100)),
        (f"{path}.sessions[*].paths", values.not_empty),
        (f"{path}.sessions[*].paths", paths.apart),
        (f"{path}.sessions[*].paths[*]", paths.path),
        (f"{path}.sessions[*].exclude", values.not_empty),
        (f"{path}.sessions[*].exclude[*]", paths.left_out),
        (f"{path}.sessions[*].copies", values.not_empty),
        (f"{path}.{_COPY}.directory", paths.directory),
        *_secret(f"{path}.{_COPY}.encryption"),
        *((f"{path}.{_COPY}.keep.{count}", values.whole(0)) for count in (*COUNTS, "failed")),
        (f"{path}.{_COPY}.keep.maxAge", times.period),
        *_job(f"{path}.job"),
        *_upkeep(f"{path}.upkeep"),
    )


def _accepted(path: str) -> tuple[tuple[str, Rule], ...]:
    """What an entry says that holds until a day."""
    return (
        (f"{path}.reason", values.not_blank),
        (f"{path}.owner", values.not_blank),
        (f"{path}.until", times.day),
    )


RULES: dict[str, tuple[tuple[str, Rule], ...]] = {
    "Project": (
        ("metadata.name", values.label),
        ("spec.output", paths.inside),
        ("spec.clusters", values.not_empty),
        ("spec.clusters[*].name", values.label),
        ("spec.clusters[*].id", values.cluster_id),
        ("spec.clusters[*].timeZone", times.time_zone),
        ("spec.clusters[*].flux.source", values.subdomain),
        ("spec.clusters[*].flux.namespace", values.label),
        ("spec.clusters[*].flux.path", paths.folder_in_git),
        ("spec.clusters[*].flux.dependsOn[*]", values.subdomain),
        ("spec.clusters[*].inventory", values.not_empty),
        ("spec.clusters[*].inventory[*].manifests", values.not_empty),
        ("spec.clusters[*].inventory[*].namespace", values.label),
        ("spec.clusters[*].inventory[*].recorded", records.record_path),
        (f"{_FROM}.kustomize", records.source_path),
        (f"{_FROM}.flux", records.source_path),
        (f"{_FROM}.command", values.not_empty),
        (f"{_FROM}.helm.chart", records.source_path),
        (f"{_FROM}.helm.values[*]", records.source_path),
        (f"{_FROM}.helm.release", values.label),
        (f"{_FROM}.helm.namespace", values.label),
        *_secret("spec.defaults.encryption"),
        *_job("spec.defaults.job"),
        *_upkeep("spec.defaults.upkeep"),
        ("spec.retired[*].volume", values.volume),
        ("spec.retired[*].cluster", values.cluster_id),
        ("spec.retired[*].until", times.day),
        ("spec.retired[*].reason", values.not_blank),
        ("spec.retired[*].repository", values.subdomain),
        *selectors.RULES["Project"],
        *_accepted("spec.exclusions[*]"),
    ),
    "Storage": (
        ("metadata.name", values.storage_name),
        ("spec.clusters.names", values.not_empty),
        ("spec.clusters.names[*]", values.pattern),
        ("spec.namespace", values.label),
        ("spec.facts", values.not_empty),
        *backends.RULES,
        *_secret("spec.credentials"),
        *_job("spec.job"),
        *((f"spec.job.{field}", pod_values.of_volumes) for field in _OF_VOLUMES),
    ),
    "BackupPolicy": (
        ("metadata.name", values.label),
        *selectors.RULES["BackupPolicy"],
        *(rule for path in SETTINGS for rule in _settings(path)),
        ("spec.delegate.every.atLeast", times.duration),
        ("spec.delegate.every.atMost", times.duration),
        ("spec.delegate.policy", values.not_empty),
        ("spec.exceptions", values.not_empty),
        ("spec.exceptions[*].set", values.not_empty),
        *_accepted("spec.exceptions[*]"),
        ("spec.acknowledge[*].volume", values.volume),
        ("spec.acknowledge[*].cluster", values.cluster_id),
        ("spec.acknowledge[*].adopt", values.uid),
        ("spec.acknowledge[*].partialRestore", values.subdomain),
        ("spec.acknowledge[*].smaller", values.subdomain),
        ("spec.acknowledge[*].gap", values.subdomain),
        ("spec.acknowledge[*].damage", values.check_time),
        ("spec.acknowledge[*].reason", values.not_blank),
    ),
    "Guardrail": (
        ("metadata.name", values.label),
        *selectors.RULES["Guardrail"],
        ("spec.rules", values.not_empty),
        ("spec.rules[*].name", values.label),
        ("spec.rules[*].message", values.not_blank),
        ("spec.rules[*].message", guardrails.message),
        ("spec.rules[*].remedy", values.not_blank),
        ("spec.exemptions", values.not_empty),
        *_accepted("spec.exemptions[*]"),
    ),
    "RetentionPolicy": (("metadata.name", values.subdomain),),
    "RestoreRequest": (
        ("metadata.name", values.subdomain),
        ("metadata.namespace", values.label),
    ),
}

# At most one of these fields of a map may be set: a policy may inherit the one.
EXCLUSIVE = {
    "BackupPolicy": tuple((f"{path}.sessions[*]", ("every", "schedule")) for path in SETTINGS)
}
# Exactly one of these fields of a map must be set.
ALTERNATIVES: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "Project": (
        ("spec.clusters[*].inventory[*]", ("manifests", "recorded")),
        (_FROM, ("kustomize", "flux", "helm", "command")),
    ),
    "Storage": backends.ALTERNATIVES,
    "BackupPolicy": (
        *((f"{path}.{_COPY}", ("keep", "retention")) for path in SETTINGS),
        ("spec.acknowledge[*]", ("adopt", "partialRestore", "smaller", "gap", "damage")),
    ),
    "Guardrail": (),
    "RetentionPolicy": (),
    "RestoreRequest": (),
}


def field_findings(document: Document, kind: str) -> Iterator[Finding]:
    """Violations of the rules for single fields, and of the rules for alternatives."""
    for path, rule in RULES[kind]:
        for keys, value in each(document, path):
            problem = rule(value)
            if problem is not None:
                yield error(
                    problem.code,
                    document,
                    keys,
                    what=problem.what,
                    why=problem.why,
                    fix=problem.fix,
                )
    yield from _alternatives(document, kind)
    yield from secret_sources.source_findings(document, kind)
    yield from selectors.selector_findings(document, kind)
    if kind == "Project":
        yield from records.record_findings(document)
    if kind == "BackupPolicy":
        yield from keep.keep_findings(document)
        yield from delegate.delegate_findings(document)
    if kind == "Storage":
        yield from backends.backend_findings(document)
        yield from identities.identity_findings(document)


def _alternatives(document: Document, kind: str) -> Iterator[Finding]:
    for path, names in ALTERNATIVES[kind]:
        for keys, value in each(document, path):
            if isinstance(value, dict):
                yield from _exactly_one(document, keys, value, names)
    for path, names in EXCLUSIVE.get(kind, ()):
        for keys, value in each(document, path):
            if isinstance(value, dict):
                yield from _at_most_one(document, keys, value, names)


def _exactly_one(
    document: Document, keys: Keys, value: dict[str, Json], names: tuple[str, ...]
) -> Iterator[Finding]:
    written = [name for name in names if value.get(name) is not None]
    choice = " or ".join(names)
    if not written:
        yield error(
            Code.EXACTLY_ONE,
            document,
            keys,
            what=f"{choice} is missing",
            why="exactly one of them is required",
            fix=f"set {choice}",
        )
    yield from _at_most_one(document, keys, value, names)


def _at_most_one(
    document: Document, keys: Keys, value: dict[str, Json], names: tuple[str, ...]
) -> Iterator[Finding]:
    written = [name for name in names if value.get(name) is not None]
    if len(written) > 1:
        yield error(
            Code.EXACTLY_ONE,
            document,
            (*keys, written[1]),
            at_key=True,
            what=f"{' and '.join(written)} are both set",
            why="they exclude each other",
            fix=f"set only one of {', '.join(names)}",
            related=(document.key_position(*keys, written[0]),),
        )
