"""What applies the output of a build: an Application of Argo CD, or a Kustomization of Flux."""

from dataclasses import dataclass, field
from pathlib import PurePosixPath

from stashgen.scaffold.clusters import FoundCluster
from stashgen.scaffold.survey import Application, FluxSource, Survey
from stashgen.yaml.emitter import emit
from stashgen.yaml.nodes import Json

_FLUX_FILE = "stashgen.yaml"
_LISTED = "add it to the kustomization of its folder, if there is one"
_IN_CLUSTER = "https://kubernetes.default.svc"
# Of the output, which Argo CD would otherwise apply like the files beside them.
_KUSTOMIZATIONS = "{kustomization.yaml,*/kustomization.yaml}"
_PLACEHOLDER = "https://git.example.com/REPLACE/ME.git"


@dataclass(frozen=True, slots=True)
class Deployment:
    """Files, and what people have to do for them, one sentence each."""

    files: dict[PurePosixPath, str] = field(default_factory=dict)
    steps: tuple[str, ...] = ()


def deployment(
    found: Survey, cluster: FoundCluster, name: str, output: str, *, is_only: bool
) -> Deployment:
    """What applies a cluster's output; nothing where neither Argo CD nor Flux does.

    Args:
        found: The repository.
        cluster: The cluster.
        name: Its name in the project.
        output: The folder that builds write.
        is_only: There is no other cluster.
    """
    if "Argo CD" in found.tools:
        return _of_argo(found, cluster, name, f"{output}/{name}", is_only=is_only)
    if "Flux" not in found.tools:
        return Deployment()
    applied = f"{output}/{name}/_flux"
    if found.flux is None:
        step = (
            f"which GitRepository of Flux is this repository: name it in stashgen.yaml, cluster "
            f"{name}, as flux: {{source: NAME}}, and apply {applied} with a Kustomization "
            "(docs/gitops.md)"
        )
        return Deployment(steps=(step,))
    if cluster.root is None:
        step = f"apply {applied} to cluster {name} with a Flux Kustomization (docs/gitops.md)"
        return Deployment(steps=(step,))
    path = cluster.root / _FLUX_FILE
    return Deployment({path: _flux(found.flux, applied)}, (f"{path}: {_LISTED}",))


def _of_argo(
    found: Survey, cluster: FoundCluster, name: str, applied: str, *, is_only: bool
) -> Deployment:
    # Of several clusters each has Applications with its own destination.
    own = (
        one
        for one in found.applications
        if is_only or any(one.path.is_relative_to(part) for part in cluster.manifests)
    )
    like = next(own, None)
    usual = like or next(iter(found.applications), None)
    folder = usual.path.parent if usual else PurePosixPath("argocd")
    title = "stashgen-backups" if is_only else f"stashgen-backups-{name}"
    path = folder / f"{title}.yaml"
    destination: dict[str, Json] = {"server": _IN_CLUSTER} if is_only else {"name": name}
    if like is not None:
        destination = dict(like.destination)
    step = f"{path}: {_LISTED}"
    if like is None and not is_only:
        step += f", and check that Argo CD calls the cluster {name}"
    if usual is None:
        step = f"{path}: set repoURL and apply it; it deploys {applied}"
    return Deployment({path: _application(usual, title, applied, destination)}, (step,))


def _application(
    like: Application | None, name: str, path: str, destination: dict[str, Json]
) -> str:
    return emit(
        {
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name, "namespace": like.namespace if like else "argocd"},
            "spec": {
                "project": like.project if like else "default",
                "source": {
                    "repoURL": like.repository if like else _PLACEHOLDER,
                    "targetRevision": like.revision if like else "HEAD",
                    "path": path,
                    "directory": {"recurse": True, "exclude": _KUSTOMIZATIONS},
                },
                "destination": destination,
                "syncPolicy": {"automated": {"prune": True, "selfHeal": True}},
            },
        }
    )


def _flux(source: FluxSource, path: str) -> str:
    return emit(
        {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1",
            "kind": "Kustomization",
            "metadata": {"name": "stashgen-backups", "namespace": source.namespace},
            "spec": {
                "sourceRef": {"kind": "GitRepository", "name": source.name},
                "path": path,
                "interval": "1h",
                "retryInterval": "2m",
                "timeout": "5m",
                "prune": True,
            },
        }
    )
