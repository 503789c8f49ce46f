"""The first files of a project, and what only people can decide about them."""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from stashgen.scaffold.clusters import FoundCluster
from stashgen.scaffold.deployment import deployment
from stashgen.scaffold.survey import FluxSource, Survey
from stashgen.yaml.emitter import emit

SCHEMA = PurePosixPath(".stashgen", "schema.json")
PRE_COMMIT = PurePosixPath(".pre-commit-config.yaml")
POLICY_FILES = frozenset({"storage.yaml", "default.yaml"})
_POLICIES = ("policies", "backup-policies", "stashgen-policies")
_OUTPUTS = ("rendered", "rendered-backups", "stashgen-rendered")
# What a policy runs as where a namespace refuses root and no workload says more.
_USUAL_USER = 1000
_LONGEST_NAME, _LONGEST_ID = 40, 12
_MOST_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Plan:
    """What is written, and what remains to be decided.

    Attributes:
        files: The text of each, by path; in the order in which they are written.
        decisions: What people have to look at, one sentence each.
    """

    files: dict[PurePosixPath, str]
    decisions: tuple[str, ...]


def plan(found: Survey, name: str, existing: Container[str], schema: str) -> Plan:
    """The files of a project.

    Args:
        found: What the repository is.
        name: The project's, as somebody called the folder.
        existing: Names at the top of the repository.
        schema: For editors.
    """
    policies = next((one for one in _POLICIES if one not in existing), _POLICIES[-1])
    output = next((one for one in _OUTPUTS if one not in existing), _OUTPUTS[-1])
    named = zip(found.clusters, _names(found), _identifiers(found), strict=True)
    clusters = [_Named(*one) for one in named]
    glue = {
        one.name: deployment(found, one.cluster, one.name, output, is_only=len(clusters) == 1)
        for one in clusters
    }
    own = {name: [*made.files] for name, made in glue.items()}
    files = {
        PurePosixPath(policies, "storage.yaml"): _storage(),
        PurePosixPath(policies, "default.yaml"): _policy(),
        SCHEMA: schema,
    }
    decisions = [*_decisions(found, policies)]
    for made in glue.values():
        files |= made.files
        decisions += made.steps
    if PRE_COMMIT.name in existing:
        decisions.append(f"add the hook stashgen-check to {PRE_COMMIT} (docs/ci.md)")
    else:
        files[PRE_COMMIT] = _HOOK
    # Last: while it is missing, an interrupted init can be repeated.
    files[PurePosixPath("stashgen.yaml")] = _project(
        found, _label(name), (policies, output), clusters, own
    )
    return Plan(files, tuple(decisions))


@dataclass(frozen=True, slots=True)
class _Named:
    cluster: FoundCluster
    name: str
    identifier: str


_HOOK = """\
repos:
- repo: local
  hooks:
  - id: stashgen-check
    name: stashgen check
    language: system                        # stashgen is on PATH; docs/ci.md knows another way
    entry: stashgen check
    always_run: true
    pass_filenames: false
"""


def _project(
    found: Survey,
    name: str,
    folders: tuple[str, str],
    clusters: list[_Named],
    own: Mapping[str, list[PurePosixPath]],
) -> str:
    """The project; ``own`` has the files that ``init`` adds to each cluster's."""
    policies, output = folders
    lines = [
        f"# yaml-language-server: $schema={SCHEMA}",
        "apiVersion: stashgen.dev/v1alpha1",
        "kind: Project",
        "metadata:",
        f"  name: {_quoted(name)}",
        "spec:",
        f"  policies: [{policies}]",
        f"  output: {output}",
        "  defaults:",
        "    encryption: {secretName: restic-key}    # in each namespace; key RESTIC_PASSWORD",
        f"    job: {{runAs: {{from: workload, else: {{user: {_user(found)}}}}}}}",
        "  clusters:",
    ]
    for one in clusters:
        lines += [
            f"  - name: {_quoted(one.name)}",
            f"    id: {_quoted(one.identifier)}".ljust(44)
            + "# part of every path in the bucket: keep it if the cluster is renamed",
        ]
        if found.flux is not None and "Flux" in found.tools:
            lines.append(
                f"    flux: {{source: {_quoted(found.flux.name)}{_namespace(found.flux)}}}"
            )
        lines.append("    inventory:")
        lines.append("    - manifests:")
        lines += [f"      - {_quoted(path)}" for path in one.cluster.manifests]
        inside = [path for path in own[one.name] if _is_below(path, one.cluster.manifests)]
        if inside:
            # It deploys the output, which is no inventory.
            lines.append("      exclude:")
            lines += [f"      - {_quoted(str(path))}" for path in inside]
        if {"Flux", "kustomize", "Helm"} & {*found.tools}:
            lines += _recorded(found, one)
    return "\n".join(lines) + "\n"


def _recorded(found: Survey, one: _Named) -> Iterator[str]:
    """The way to what only its own tool can render, for people to take up."""
    verb = (
        "flux" if "Flux" in found.tools else "kustomize" if "kustomize" in found.tools else "helm"
    )
    path = _quoted(str(one.cluster.root)) if one.cluster.root else "PATH"
    source = f"{{{verb}: {path}}}" if verb != "helm" else "{helm: {chart: PATH, release: NAME}}"
    yield "    # What only tools can render is unknown until stashgen inventory has recorded it:"
    yield f"    # - recorded: inventory/{one.name}.yaml"
    yield f"    #   from: [{source}]"


def _storage() -> str:
    return f"""\
# yaml-language-server: $schema=../{SCHEMA}
apiVersion: stashgen.dev/v1alpha1
kind: Storage
metadata:
  name: bucket
spec:                                       # for all namespaces, each below a prefix of its own
  backend:
    provider: s3
    s3:
      bucket: change-me
      region: us-east-1                     # or endpoint: https://... of another server
  # with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, in each namespace
  credentials: {{from: Namespace, secretName: backup-s3}}
"""


def _policy() -> str:
    return f"""\
# yaml-language-server: $schema=../{SCHEMA}
apiVersion: stashgen.dev/v1alpha1
kind: BackupPolicy
metadata:
  name: default
spec:
  select: {{}}                                # every volume; narrow it by namespaces and volumes
  sessions:
  - name: backup
    every: 24h                              # each volume at a time of its own
    timeout: 1h
    copies:
    - {{storage: bucket, keep: {{last: 3, daily: 14, weekly: 8}}}}
"""


def _decisions(found: Survey, policies: str) -> Iterator[str]:
    yield (
        f"{policies}/storage.yaml: set bucket and region, or another backend, and create the "
        "Secrets that stashgen explain secrets lists"
    )
    yield "keep a copy of the key restic-key outside the cluster: no restore works without it"
    if found.is_root_forbidden:
        where = "most workloads'" if found.user is not None else "a guess"
        yield (
            f"stashgen.yaml: a namespace refuses root, so volumes of no known workload are backed "
            f"up as user {_user(found)} ({where}): it must be able to read all files"
        )
    if found.unassigned:
        rest = len(found.unassigned) - _MOST_SHOWN
        more = f" and {rest} more" if rest > 0 else ""
        yield (
            f"which cluster has the manifests in {', '.join(found.unassigned[:_MOST_SHOWN])}{more}:"
            " add them to its inventory, or record what it renders with stashgen inventory"
        )
    if not any(cluster.manifests for cluster in found.clusters):
        yield "stashgen.yaml: there are no manifests yet; name the folder that will have them"
    elif not found.volumes:
        yield (
            "no PersistentVolumeClaim is written out here: record what charts and operators make "
            "with stashgen inventory, or add the output of kubectl get pvc,ns -A -o yaml"
        )


def _namespace(source: FluxSource) -> str:
    given = source.namespace
    return "" if given == "flux-system" else f", namespace: {_quoted(given)}"


def _is_below(path: PurePosixPath, folders: Iterable[str]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)


def _user(found: Survey) -> int:
    if not found.is_root_forbidden:
        return 0
    return found.user or _USUAL_USER


def _names(found: Survey) -> Iterator[str]:
    """A name each, as Kubernetes takes it; they are unique."""
    taken: set[str] = set()
    for cluster in found.clusters:
        name, number = (first := _label(cluster.name)), 1
        while name in taken:
            number += 1
            name = f"{first}-{number}"
        taken.add(name)
        yield name


def _identifiers(found: Survey) -> Iterator[str]:
    """A cluster id each, made of its name; they are unique."""
    taken: set[str] = set()
    for cluster in found.clusters:
        letters = re.sub(r"[^a-z0-9]", "", cluster.name.lower()).lstrip("0123456789") or "cluster"
        number = 1
        while (identifier := f"{letters[: _LONGEST_ID - len(str(number))]}{number}") in taken:
            number += 1
        taken.add(identifier)
        yield identifier


def _label(text: str) -> str:
    """A name as Kubernetes takes it."""
    found = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:_LONGEST_NAME].strip("-")
    return found or "backups"


def _quoted(text: str) -> str:
    """A scalar that every YAML reader takes as text."""
    return emit({"x": text}).removeprefix("x: ").rstrip("\n")
