"""``stashgen inventory`` with the real kustomize, kubectl and helm."""

import random
import shutil
from pathlib import Path, PurePosixPath

import pytest

from stashgen.cli.main import run
from stashgen.inventory import collect
from stashgen.model.source import Source
from stashgen.yaml.documents import read_documents
from tests.api_contract.test_kustomize import _built, _project
from tests.support.project import PROJECT, claim, documents

RECORD = PurePosixPath("inventory/prod.yaml")
_CHART = """apiVersion: v2
name: notes
version: 1.0.0
"""
_TEMPLATE = """
{{- range .Values.claims }}
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: "{{ $.Release.Name }}-{{ . }}", labels: {chart: notes}}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: {{ $.Values.size }}}}}
---
{{- end }}
apiVersion: v1
kind: Secret
metadata: {name: notes}
stringData: {password: {{ .Values.password }}}
"""


@pytest.fixture(scope="module", autouse=True)
def ticking() -> None:
    """No API server is asked here."""


def _flux(name: str, spec: str, space: str = "flux-system") -> str:
    return (
        "---\napiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\n"
        f"metadata: {{name: {name}, namespace: {space}}}\n"
        f"spec:\n  sourceRef: {{kind: GitRepository, name: flux-system}}\n{spec}"
    )


def _release(name: str, spec: str) -> str:
    return (
        "---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\n"
        f"metadata: {{name: {name}, namespace: notes}}\nspec:\n{spec}"
    )


_FROM_SETTINGS = "  postBuild:\n    substituteFrom: [{kind: ConfigMap, name: settings}]\n"
_ALL_SETTINGS = (
    "  postBuild:\n    substitute: {APP: wiki}\n"
    "    substituteFrom: [{kind: ConfigMap, name: settings}, {kind: Secret, name: keys}]\n"
)
# What Flux applies from clusters/prod on, in ways that people use.
FLUX = {
    # The folder applies itself, as flux bootstrap writes it.
    "clusters/prod/flux-system/sync.yaml": _flux("flux-system", "  path: ./clusters/prod\n"),
    # Its variables are made by another one.
    "clusters/prod/apps.yaml": _flux("apps", f"  path: ./apps\n{_FROM_SETTINGS}"),
    "clusters/prod/settings.yaml": _flux("settings", "  path: ./settings\n"),
    "clusters/prod/ours.yaml": _flux("backups", "  path: ./rendered\n"),
    # Before the first build, the folder is not there yet.
    "clusters/prod/soon.yaml": _flux("soon", "  path: ./rendered/prod/_flux\n"),
    "clusters/prod/elsewhere.yaml": _flux("elsewhere", "  path: ./elsewhere\n"),
    "clusters/prod/other.yaml": _flux(
        "remote", "  path: ./apps\n  kubeConfig: {secretRef: {name: other}}\n  targetNamespace: x\n"
    ),
    "clusters/prod/artifact.yaml": _flux("artifact", "  path: ./apps\n").replace(
        "kind: GitRepository, name: flux-system", "kind: ExternalArtifact, name: apps"
    ),
    "settings/settings.yaml": (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: flux-system}\n"
        "data: {SPACE: home, SIZE: 9Gi}\n"
        "---\napiVersion: v1\nkind: Secret\nmetadata: {name: keys, namespace: flux-system}\n"
        'stringData: {DOMAIN: "ENC[AES256_GCM,data:x,type:str]"}\nsops: {mac: "ENC[x]"}\n'
    ),
    # Without a kustomization: all manifests below, and folders with one.
    "apps/wiki.yaml": _flux(
        "wiki",
        "  path: ./services/wiki/app\n  targetNamespace: ${SPACE}\n"
        f"  components: [../../../parts/claim]\n{_ALL_SETTINGS}",
    ),
    "apps/values.yaml": "no: manifest\n",
    "apps/notes/kustomization.yaml": (
        "resources: [releases.yaml]\nconfigMapGenerator:\n"
        "- {name: values, namespace: notes, files: [values.yaml=all.yaml],"
        " options: {disableNameSuffixHash: true}}\n"
    ),
    "apps/notes/all.yaml": "size: 2Gi\nclaims: [data]\npersistence: {enabled: true, size: 1Gi}\n",
    "apps/notes/releases.yaml": (
        _release(
            "here",
            "  releaseName: notes\n"
            "  chart: {spec: {chart: ./charts/notes, sourceRef: "
            "{kind: GitRepository, name: flux-system}}}\n"
            "  valuesFrom: [{kind: ConfigMap, name: values}]\n"
            "  values: {claims: [files, trash], password: hunter2}\n",
        )
        + _release(
            "downloaded",
            "  chart: {spec: {chart: notes, sourceRef: {kind: HelmRepository, name: all}}}\n"
            "  valuesFrom: [{kind: ConfigMap, name: values}]\n",
        )
    ),
    "services/wiki/app/kustomization.yaml": "resources: [config.yaml]\n",
    "services/wiki/app/config.yaml": (
        claim("'${APP}-config'", "other").replace("[ReadWriteOnce]", "[ReadWriteMany]")
        + claim("as-it-is", more='annotations: {kustomize.toolkit.fluxcd.io/substitute: disabled}, '
                'labels: {text: "$"}')
        + claim("'${APP}-${DOMAIN:-local}'")
    ),
    "parts/claim/kustomization.yaml": (
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nresources: [claim.yaml]\n"
    ),
    "parts/claim/claim.yaml": claim("'${CLAIM:=${APP}}'", more="labels: {app: '${APP}'}").replace(
        "spec: {", "spec: {resources: {requests: {storage: '${SIZE:=1Gi}'}}, "
    ),
    "charts/notes/Chart.yaml": _CHART,
    "charts/notes/values.yaml": "claims: []\nsize: 1Gi\npassword: none\n",
    "charts/notes/templates/all.yaml": _TEMPLATE,
    "rendered/backup.yaml": claim("ours"),
}  # fmt: skip


def _write(root: Path, files: dict[str, str], source: str) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    inventory = '[{manifests: ["clusters/demo/*.yaml"]}]'
    text = PROJECT.replace(inventory, f"[{{recorded: {RECORD}, from: [{source}]}}]")
    (root / "stashgen.yaml").write_text(text, encoding="utf-8")


def _recorded(root: Path) -> tuple[set[str], set[str], str]:
    """The volumes of a record, what is unknown, and its text."""
    content = (root / RECORD).read_bytes()
    read = read_documents(content, RECORD)
    assert read.findings == ()
    (project,) = documents(PROJECT, "stashgen.yaml")
    found = collect(Source(project, (), {"dem1": read.value}, records=frozenset({RECORD}))).value
    return (
        {f"{one.key.namespace}/{one.key.name}" for one in found.volumes},
        {f"{one.namespace}/{one.name}" for one in found.unknown},
        content.decode(),
    )


@pytest.fixture(params=["kubectl", "kustomize"])
def program(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Only this one of the two is on PATH, and helm."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in (request.param, "helm"):
        found = shutil.which(name)
        assert found is not None, f"{name} is not on PATH; make contract builds it"
        (folder / name).symlink_to(found)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.chdir(tmp_path)
    return str(request.param)


def test_what_flux_applies_is_recorded(
    program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path, FLUX, "{flux: clusters/prod}")
    assert run(["inventory"]) == 0, capsys.readouterr().err
    volumes, unknown, text = _recorded(tmp_path)
    assert volumes == {
        "home/wiki",
        "home/wiki-config",
        "home/as-it-is",
        "notes/notes-files",
        "notes/notes-trash",
    }
    # A secret's value, a chart that is not here, another repository's folder.
    assert unknown == {
        "home/wiki-${DOMAIN:-local}",
        "notes/downloaded",
        "flux-system/elsewhere",
        "flux-system/artifact",
    }
    assert 'storage: "9Gi"' in text
    assert "app: wiki" in text
    assert "hunter2" not in text
    assert "Kustomization flux-system/apps" not in text
    assert run(["inventory", "--check"]) == 0
    assert program


def test_kubectl_and_kustomize_make_the_same_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = []
    for name in ("kubectl", "kustomize"):
        root = tmp_path / name
        _write(root, FLUX, "{flux: clusters/prod}")
        folder = root / "bin"
        folder.mkdir()
        for one in (name, "helm"):
            (folder / one).symlink_to(shutil.which(one) or one)
        with monkeypatch.context() as context:
            context.setenv("PATH", str(folder))
            context.chdir(root)
            assert run(["inventory"]) == 0
        records.append((root / RECORD).read_bytes())
    assert records[0] == records[1]


@pytest.mark.parametrize("seed", range(6))
def test_a_kustomization_is_recorded_as_kustomize_builds_it(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = _project(random.Random(seed))
    top = "over" if "over/kustomization.yaml" in files else "base"
    _write(tmp_path, files, f"{{kustomize: {top}}}")
    monkeypatch.chdir(tmp_path)
    assert run(["inventory"]) == 0
    read = read_documents((tmp_path / RECORD).read_bytes(), RECORD)
    (project,) = documents(PROJECT, "stashgen.yaml")
    found = collect(
        Source(
            project,
            (),
            {"c": read.value},
            namespaces={"c": {RECORD: "default"}},
            records=frozenset({RECORD}),
        )
    )
    assert {
        (one.key.namespace, one.key.name, str(sorted(one.labels.items())))
        for one in found.value.volumes
    } == set(_built(tmp_path))


def test_a_release_of_a_chart_is_recorded(program: str, tmp_path: Path) -> None:
    files = {name: text for name, text in FLUX.items() if name.startswith("charts/")}
    files |= {"a.yaml": "claims: [a]\nsize: 3Gi\n", "b.yaml": "claims: [b, c]\npassword: hunter2\n"}
    chart = "chart: charts/notes, release: shop, namespace: shop, values: [a.yaml, b.yaml]"
    _write(tmp_path, files, f"{{helm: {{{chart}}}}}")
    assert run(["inventory"]) == 0
    volumes, unknown, text = _recorded(tmp_path)
    assert volumes == {"shop/shop-b", "shop/shop-c"}
    assert unknown == set()
    assert "3Gi" in text
    assert "hunter2" not in text
    assert program


def test_a_kustomization_that_cannot_be_built_changes_no_record(
    program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path, FLUX, "{flux: clusters/prod}")
    assert run(["inventory"]) == 0
    before = (tmp_path / RECORD).read_bytes()
    (tmp_path / "parts/claim/claim.yaml").unlink()
    capsys.readouterr()
    assert run(["inventory"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("stashgen: Kustomization flux-system/wiki (services/wiki/app): ")
    assert f"{program} " in said
    assert "claim.yaml" in said
    assert (tmp_path / RECORD).read_bytes() == before


def test_a_chart_that_cannot_be_rendered_is_named(
    program: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _write(tmp_path, FLUX, "{flux: clusters/prod}")
    (tmp_path / "charts/notes/templates/all.yaml").write_text("{{ .Values.none.more }}\n")
    assert run(["inventory"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("stashgen: HelmRelease notes/here (charts/notes): helm template notes ")
    assert program
