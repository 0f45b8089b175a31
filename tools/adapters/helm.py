"""Renders Helm charts as `helm template` does, without network or cluster, and finds the template of each object.

A chart is foreign input: it is rendered in a process of its own that can open no socket and has limits of time and
memory; `lookup` finds nothing. Hooks are left out, as they are from the manifest that Helm keeps of a release.
"""

from __future__ import annotations

import importlib.util
import json
import posixpath
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from graph.document import Object, get
from graph.errors import Invalid
from graph.version import Document, Origin, Unreadable
from tools.adapters.chart import Chart, ChartRelease, charts, merged_values
from tools.adapters.documents import Located
from tools.adapters.field_changes import field_changes
from tools.adapters.file_tree import FileTree
from tools.adapters.foreign_program import Limits, run
from tools.adapters.kubernetes_objects import KubernetesReader, is_manifest
from tools.adapters.rendering import Found, Unit, Units
from tools.adapters.yaml_documents import BrokenYaml, read_yaml

_PROGRAM: Final = Path(__file__).with_name("helm_process.py")
_LIMITS: Final = Limits()
_MAX_FILES: Final = 10_000
_MAX_BYTES: Final = 64 * 2**20
_MAX_FILE_BYTES: Final = 5 * 2**20
"""Helm itself takes no larger file."""
_HOOK: Final = "/metadata/annotations/helm.sh~1hook"
_NOTES: Final = "NOTES.txt"
_RELEASE_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,51}[a-z0-9])?")


def chart_releases(tree: FileTree, reader: KubernetesReader, releases: Sequence[ChartRelease]) -> Units:
    """Return what is to be rendered of the charts of a tree.

    Args:
        tree: files that hold charts or not.
        reader: how objects are read.
        releases: what to render; empty: each chart once, under its own name and with its own values.
    """
    known = charts(tree)
    units: list[Unit] = []
    faults: list[Unreadable] = []
    for release in releases or [ChartRelease(chart=c.folder) for c in known.values() if not c.is_library]:
        chart = known.get("" if release.chart in {"", "."} else posixpath.normpath(release.chart))
        if chart is None:
            reason = f"there is no chart in {release.chart!r}: check the setting `charts`"
            faults.append(Unreadable(where=release.chart, reason=reason))
        else:
            units.append(_unit(tree, chart, release, reader))
    covered = frozenset(p for c in known.values() for p in c.covered)
    return Units(units=units, faults=tuple(faults), covered=covered)


def _unit(tree: FileTree, chart: Chart, release: ChartRelease, reader: KubernetesReader) -> Unit:
    namespace = release.namespace or reader.default_namespace or "default"
    job: Object = {"release": release.name or chart.name, "namespace": namespace}
    return Unit(
        file=chart.file,
        files=frozenset((*chart.files, *release.values)),
        settings=json.dumps([job, release.values]),
        render=partial(_release, tree, chart, job, release.values, replace(reader, default_namespace=namespace)),
    )


def _release(
    tree: FileTree, chart: Chart, job: Object, values: Sequence[str], reader: KubernetesReader
) -> Sequence[Found]:
    try:
        if chart.problem:
            raise Invalid(chart.problem)
        if importlib.util.find_spec("helm_python") is None:
            raise Invalid("no Helm to render it with: install the extra `helm` (pip install 'plumbline[helm]')")
        if not _RELEASE_NAME.fullmatch(job["release"]):
            raise Invalid(f"{job['release']!r} is no name of a release: set one in `charts`")
        full_job = {**job, "values": merged_values(tree, values)}
        return list(_rendered(chart, full_job, _contents(tree, chart), reader))
    except Invalid as error:
        return [_failed(chart, job, error.reason)]


def _failed(chart: Chart, job: Object, reason: str) -> Unreadable:
    as_release = f" as release {job['release']!r}" if job["release"] != chart.name else ""
    return Unreadable(where=chart.file, reason=f"chart {chart.name!r}{as_release} was not rendered: {reason}")


def _contents(tree: FileTree, chart: Chart) -> dict[str, bytes | None]:
    """Map each file of a chart, relative to it, to its content; None for one that is larger than Helm takes."""
    if len(chart.files) > _MAX_FILES:
        raise Invalid(f"more than {_MAX_FILES} files lie in its folder")
    start = len(chart.folder) + 1 if chart.folder else 0
    contents: dict[str, bytes | None] = {}
    size = 0
    for path in chart.files:
        try:
            data: bytes | None = tree.read(path, limit=_MAX_FILE_BYTES)
        except Invalid as error:
            if "larger" not in error.reason:
                raise Invalid(f"{path}: {error.reason}") from error
            data = None
        size += len(data or b"")
        if size > _MAX_BYTES:
            raise Invalid(f"the files in its folder are larger than {_MAX_BYTES >> 20} MiB together")
        contents[path[start:]] = data
    return contents


def _rendered(
    chart: Chart, job: Object, files: Mapping[str, bytes | None], reader: KubernetesReader
) -> Iterator[Found]:
    answer = _ask(chart, job, files)
    missing = [d["name"] for d in answer["dependencies"] if d["status"] == "missing"]
    if missing:
        raise Invalid(f"its dependencies {', '.join(missing)} are not in charts/: vendor them (helm dependency build)")
    again = {d.resource.uid: d for d in _documents(chart, answer["again"], files, reader) if isinstance(d, Document)}
    crds: dict[str, str] = {}
    for one in answer["crds"]:
        crds[one["filename"]] = f"{crds.get(one['filename'], '')}\n---\n{one['data']}"
    yield from _documents(chart, crds, files, reader)
    for one in _documents(chart, answer["manifests"], files, reader):
        if isinstance(one, Document) and (twin := again.get(one.resource.uid)) and twin.body != one.body:
            yield _unsettled(one, twin)
        else:
            yield one


def _ask(chart: Chart, job: Object, files: Mapping[str, bytes | None]) -> Object:
    with tempfile.TemporaryDirectory(prefix="plumbline-") as parent:
        folder = Path(parent) / (posixpath.basename(chart.folder) or chart.name.replace("/", "_"))
        for path, data in files.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as file:
                # An empty file of a forbidden size stands for one that is too large: Helm refuses it by size, unless
                # the chart's .helmignore leaves it out.
                file.write(data) if data is not None else file.truncate(_MAX_FILE_BYTES + 1)
        given = json.dumps({**job, "chart": str(folder)}).encode()
        done = run([sys.executable, "-I", str(_PROGRAM)], name="helm", limits=_LIMITS, given=given)
        if not done.is_success:
            raise Invalid(f"helm ended with an error: {done.error[:400]}")
        answer: Object = json.loads(done.output)
        if "error" in answer:
            message = " ".join(str(answer["error"]).split())
            raise Invalid(f"helm: {message.replace(f'{folder}/', '').replace(str(folder), '.')[:400]}")
        return answer


def _documents(
    chart: Chart, manifests: Mapping[str, str], files: Mapping[str, bytes | None], reader: KubernetesReader
) -> Iterator[Found]:
    for name, text in sorted(manifests.items()):
        if posixpath.basename(name) == _NOTES:
            continue
        path = _template(name, files)
        where = posixpath.join(chart.folder, path)
        for part in read_yaml(text):
            if isinstance(part, BrokenYaml):
                reason = f"chart {chart.name!r} gave YAML that can't be read: {part.reason}"
                yield Unreadable(where=where, reason=reason)
            elif is_manifest(part.value) and not isinstance(get(part.value, _HOOK), str):
                line = _line(files.get(path), part.value["kind"])
                yield from reader.read(Located(value=part.value, line=line), Origin(file=where))


def _template(name: str, files: Mapping[str, bytes | None]) -> str:
    """Return the file of a chart behind the name that Helm gives a template: `CHART/charts/SUBCHART/templates/...`."""
    path = name.partition("/")[2]
    if path in files:
        return path
    while "/charts/" in f"/{path}":
        folder, _, path = f"/{path}".rpartition("/charts/")
        subchart = path.partition("/")[0]
        stem = posixpath.join(folder.lstrip("/"), "charts", subchart)
        archives = sorted(f for f in files if f.startswith(f"{stem}-") and f.endswith(".tgz"))
        if archives:
            return archives[0]
        path = folder.lstrip("/")
    return "Chart.yaml"


def _line(template: bytes | None, kind: str) -> int | None:
    """Return the line where the only document of a kind begins in a template; None when that can't be told."""
    lines = (template or b"").decode("utf-8", "replace").splitlines()
    found = [i for i, line in enumerate(lines) if re.fullmatch(rf"kind:\s*{re.escape(kind)}\s*", line)]
    if len(found) != 1:
        return None
    start = found[0]
    while start > 0 and re.match(r"[A-Za-z]", lines[start - 1]):
        start -= 1
    return start + 1


def _unsettled(one: Document, other: Document) -> Unreadable:
    paths = [change.path for change in field_changes(one.body, other.body)]
    reason = f"the chart makes a new value of {', '.join(paths[:3])} each time it is rendered (random, or the time)"
    return Unreadable(where=one.origin.file if one.origin else "", reason=reason, resource=one.resource)
