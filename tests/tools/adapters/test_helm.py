"""Helm charts: what is rendered from them, where it came from, and what a hostile chart gets."""

from __future__ import annotations

import io
import tarfile
import time
from pathlib import Path

import pytest

from graph.resource import Facet
from graph.version import Snapshot
from tests.tools.adapters.sources import NOW, GitFolder, config_map, write
from tools.adapters.chart import ChartRelease
from tools.adapters.manifests import ManifestReading, ManifestSource

pytest.importorskip("helm_python", reason="needs the extra `helm`")

CHART = "apiVersion: v2\nname: shop\nversion: 1.0.0\n"
TEMPLATE = """\
# One setting.
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ .Release.Name }}-settings
data:
  level: {{ .Values.level | quote }}
  by: {{ .Values.limits.by | quote }}
"""
FILES = {
    "shop/Chart.yaml": CHART,
    "shop/values.yaml": "level: low\nlimits: {by: chart, of: 5}\n",
    "shop/templates/settings.yaml": TEMPLATE,
    "shop/templates/NOTES.txt": "Thank you.",
}


def read(path: Path, *releases: ChartRelease, ref: str | None = None) -> ManifestReading:
    return source(path, *releases, ref=ref).inspect()


def source(path: Path, *releases: ChartRelease, ref: str | None = None) -> ManifestSource:
    return ManifestSource(
        "git:test",
        path,
        facet=Facet.INTENDED,
        cluster="demo",
        stack="shop",
        salt=b"salt",
        clock=lambda: NOW,
        ref=ref,
        charts=releases,
    )


def reason(snapshot: Snapshot) -> str:
    (fault,) = snapshot.unreadable
    assert not snapshot.complete
    assert fault.where == "shop/Chart.yaml"
    return fault.reason


def template(text: str) -> dict[str, str | bytes]:
    return {**FILES, "shop/templates/settings.yaml": text}


def test_renders_each_chart_with_its_own_values(tmp_path: Path) -> None:
    """A chart that is found is rendered under its name; objects name the template and the line they begin on."""
    (document,) = read(write(tmp_path, dict(FILES))).snapshot.documents
    assert document.resource.display == "default/ConfigMap/shop-settings"
    assert document.body["data"] == {"level": "low", "by": "chart"}
    assert document.origin is not None
    assert (document.origin.file, document.origin.line) == ("shop/templates/settings.yaml", 2)


def test_renders_releases_with_values_and_namespace(tmp_path: Path) -> None:
    """Files of values are merged in order, and each release has its own name and namespace."""
    write(
        tmp_path,
        {**FILES, "env/base.yaml": "level: mid\nlimits: {by: base}\n", "env/live.yaml": "limits: {by: live}\n"},
    )
    releases = [
        ChartRelease(chart="shop", name="a", namespace="one", values=("env/base.yaml", "env/live.yaml")),
        ChartRelease(chart="./shop", name="b", namespace="two"),
    ]
    found = {d.resource.display: d.body["data"] for d in read(tmp_path, *releases).snapshot.documents}
    assert found == {
        "one/ConfigMap/a-settings": {"level": "mid", "by": "live"},
        "two/ConfigMap/b-settings": {"level": "low", "by": "chart"},
    }


def test_renders_a_chart_of_a_commit(tmp_path: Path) -> None:
    """Charts are rendered from a ref without a checkout; origins name the commit that last touched the template."""
    git = GitFolder(tmp_path / "repo")
    first = git.commit(dict(FILES))
    git.commit({"shop/values.yaml": "level: high\nlimits: {by: chart}\n"})
    write(git.root, {"shop/values.yaml": "level: dirty\n"})
    (document,) = read(git.root, ref="HEAD").snapshot.documents
    assert document.body["data"]["level"] == "high"
    assert document.origin is not None
    assert document.origin.commit == first


def test_a_changed_value_is_rendered_again(tmp_path: Path) -> None:
    """A source that is read again renders what changed since."""
    write(tmp_path, dict(FILES))
    reader = source(tmp_path)
    assert reader.read().documents == reader.read().documents
    write(tmp_path, {"shop/values.yaml": "level: high\nlimits: {by: chart}\n"})
    assert reader.read().documents[0].body["data"]["level"] == "high"


def test_vendored_subcharts_belong_to_their_chart(tmp_path: Path) -> None:
    """Subcharts, as folders or archives, are rendered with their chart, unless a condition switches them off."""
    parts = "dependencies: [{name: sub, version: 1.x}, {name: spare, version: 1.x, condition: spare.enabled}]\n"
    sub = {"Chart.yaml": "apiVersion: v2\nname: sub\nversion: 1.2.0\n", "templates/a.yaml": config_map("sub")}
    write(
        tmp_path,
        {
            **FILES,
            "shop/Chart.yaml": CHART + parts,
            "shop/values.yaml": "level: x\nlimits: {}\nspare: {enabled: false}\n",
            "shop/charts/spare/Chart.yaml": "apiVersion: v2\nname: spare\nversion: 1.0.0\n",
            "shop/charts/spare/templates/a.yaml": config_map("spare"),
            "shop/charts/sub-1.2.0.tgz": archive("sub", sub),
        },
    )
    snapshot = read(tmp_path).snapshot
    places = {d.resource.name: d.origin.file for d in snapshot.documents if d.origin}
    assert places == {"shop-settings": "shop/templates/settings.yaml", "sub": "shop/charts/sub-1.2.0.tgz"}
    assert snapshot.complete


def archive(name: str, files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for path, text in files.items():
            info = tarfile.TarInfo(f"{name}/{path}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    return out.getvalue()


def test_custom_resource_definitions_count_and_hooks_do_not(tmp_path: Path) -> None:
    """What lies in crds/ is declared; hooks come and go and are no part of what a release declares."""
    crd = "apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: xs.example.com}\n"
    hook = (
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: test\n"
        '  annotations: {"helm.sh/hook": test}\nspec: {containers: []}\n'
    )
    write(tmp_path, {**FILES, "shop/crds/x.yaml": crd, "shop/templates/test.yaml": hook})
    found = {d.resource.display: d.origin.file for d in read(tmp_path).snapshot.documents if d.origin}
    assert found == {
        "CustomResourceDefinition/xs.example.com": "shop/crds/x.yaml",
        "default/ConfigMap/shop-settings": "shop/templates/settings.yaml",
    }


def test_plain_files_beside_a_chart_are_still_read(tmp_path: Path) -> None:
    """Only the chart's own files are taken for its parts; a library chart declares nothing."""
    write(
        tmp_path,
        {
            **{path.removeprefix("shop/"): text for path, text in FILES.items()},
            "deploy/plain.yaml": config_map("plain"),
            "lib/Chart.yaml": "apiVersion: v2\nname: lib\nversion: 1.0.0\ntype: library\n",
            "lib/templates/_x.yaml": "{{ define",
        },
    )
    snapshot = read(tmp_path).snapshot
    assert {d.resource.name for d in snapshot.documents} == {"shop-settings", "plain"}
    assert snapshot.unreadable == ()


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (template("a: {{ .Values.missing.deep }}\n"), "nil pointer"),
        (template('{{ fail "set a level" }}\n'), "set a level"),
        (template('{{ define "x" }}{{ include "x" . }}{{ end }}{{ include "x" . }}\n'), "helm"),
        (template("a: {{ range until 100000000 }}aaaaaaaaaaaaaaaaaaaaaaaa{{ end }}\n"), "helm"),
        (template('a: {{ repeat 2000000000 "abc" }}\n'), "needs more than 1024 MiB"),
        ({**FILES, "shop/Chart.yaml": CHART + "dependencies: [{name: db, version: 1.x, repository: x}]\n"}, "db"),
        ({**FILES, "shop/Chart.yaml": "name: [\n"}, "Chart.yaml"),
        ({**FILES, "shop/values.yaml": "a: 1\na: 2\nb: [\n"}, "values.yaml"),
        ({**FILES, "shop/charts/sub-1.tgz": b"\x1f\x8bno archive"}, "helm"),
        ({**FILES, "shop/files/large.bin": b"x" * (5 * 2**20 + 1)}, "larger"),
    ],
    ids=["nil", "fail", "recursion", "loop", "memory", "dependency", "chart", "values", "archive", "large file"],
)
def test_a_chart_that_does_not_render_is_named(tmp_path: Path, files: dict[str, str | bytes], words: str) -> None:
    """A chart that fails is not comparable, with its message; the rest is read, in bounded time."""
    write(tmp_path, {**files, "plain.yaml": config_map("plain")})
    before = time.monotonic()
    snapshot = read(tmp_path).snapshot
    assert time.monotonic() - before < 60
    assert "chart 'shop' was not rendered" in reason(snapshot) or "gave YAML" in reason(snapshot)
    assert words in reason(snapshot)
    assert [d.resource.name for d in snapshot.documents] == ["plain"]


def test_a_release_names_what_is_missing(tmp_path: Path) -> None:
    """A values file or a chart that does not exist is named."""
    write(tmp_path, dict(FILES))
    assert "'env/x.yaml' does not exist" in reason(
        read(tmp_path, ChartRelease(chart="shop", values=("env/x.yaml",))).snapshot
    )
    (fault,) = read(tmp_path, ChartRelease(chart="shoop")).snapshot.unreadable
    assert "no chart in 'shoop'" in fault.reason


def test_a_chart_reaches_neither_network_nor_cluster_nor_files_outside(tmp_path: Path) -> None:
    """DNS, `lookup`, and links out of the chart give nothing."""
    secret = tmp_path / "secret.txt"
    secret.write_text("do not tell")
    text = (
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: probe}\ndata:\n"
        '  dns: {{ getHostByName "localhost" | quote }}\n'
        '  found: {{ lookup "v1" "Secret" "a" "b" | toJson | quote }}\n  file: {{ .Files.Get "link.txt" | quote }}\n'
        '  up: {{ .Files.Get "../../secret.txt" | quote }}\n'
    )
    root = write(tmp_path / "repo", template(text))
    (root / "shop" / "link.txt").symlink_to(secret)
    snapshot = read(root).snapshot
    assert [d.body["data"] for d in snapshot.documents] == [{"dns": "", "found": "{}", "file": "", "up": ""}]
    assert [u.reason for u in snapshot.unreadable] == ["a symbolic link that leads out of the folder; not followed"]


@pytest.mark.parametrize("call", ["randAlphaNum 8 | b64enc", "now | unixEpoch | toString | b64enc"])
def test_an_object_that_is_made_anew_is_not_comparable(tmp_path: Path, call: str) -> None:
    """Random values and times differ at each rendering, so no live object can equal them; they are no drift."""
    secret = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: made}}\ndata: {{key: '{{{{ {call} }}}}'}}\n"
    write(tmp_path, {**FILES, "shop/templates/made.yaml": secret})
    snapshot = read(tmp_path).snapshot
    (fault,) = snapshot.unreadable
    assert fault.resource is not None
    assert (fault.resource.display, fault.where) == ("default/Secret/made", "shop/templates/made.yaml")
    assert "/data/key" in fault.reason
    assert [d.resource.name for d in snapshot.documents] == ["shop-settings"]
