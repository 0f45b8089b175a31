"""From files to verdicts: an estate is parsed, stored, and compared over its facets."""

from __future__ import annotations

import json
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import networkx as nx
import yaml

from evals.scale.estate import CLUSTER, Estate, name_of
from evals.scale.estate import declared as manifests_of
from evals.scale.ports import Graphs
from evals.scale.timing import resident_mb, stopwatch
from graph.drift import compare_graph
from graph.relation import Relation
from graph.relations import derive
from graph.resource import Facet
from graph.version import Document, Snapshot
from tools.adapters.manifests import ManifestSource

ENVIRONMENT = "scale"
_DUMPER: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_OBJECTS_IN_A_DUMP = 5_000


def measure_ingest(graphs: Graphs, estate: Estate) -> dict[str, float]:
    """Measure a first reading of everything, and the comparison of all that was read.

    Raises:
        RuntimeError: the comparison does not find exactly the changes that the estate was made with.
    """
    with tempfile.TemporaryDirectory(prefix="plumbline-scale-") as folder:
        root = Path(folder)
        count = write(estate, root)
        figures: dict[str, float] = {"objects": count["live"], "declared": count["declared"]}
        begun, cpu = time.perf_counter(), time.process_time()
        with stopwatch(figures, "parse"):
            snapshots = [_source(root / facet.value, facet).read() for facet in (Facet.INTENDED, Facet.ACTUAL)]
        everything = [d for s in snapshots for d in s.documents]
        with stopwatch(figures, "derive"):
            stated = [(s, _relations(s, everything)) for s in snapshots]
        with stopwatch(figures, "store"):
            for snapshot, relations in stated:
                graphs.record(ENVIRONMENT, snapshot, relations)
        with stopwatch(figures, "load"):
            graph = graphs.load(ENVIRONMENT)
        with stopwatch(figures, "compare"):
            report = compare_graph(graph)
        figures["total_s"] = round(time.perf_counter() - begun, 3)
        figures["total_cpu_s"] = round(time.process_time() - cpu, 3)
    found = {f.resource.uid: f.path for f in report.findings}
    if found != estate.drifted() or report.not_comparable:
        raise RuntimeError(f"{len(found)} resources with findings, {len(estate.drifted())} were changed")
    figures |= {"findings": len(report.findings), "false_findings": 0, "resident_mb": resident_mb()}
    figures |= _networkx(everything, [r for _, relations in stated for r in relations])
    return figures


def write(estate: Estate, root: Path) -> dict[str, int]:
    """Write an estate as people and clusters do: manifests as YAML, a file for each application; dumps as JSON."""
    intended, actual = root / Facet.INTENDED.value, root / Facet.ACTUAL.value
    intended.mkdir()
    actual.mkdir()
    counts = {"declared": write_declared(estate, intended), "live": 0}
    part: list[object] = []
    for body in estate.live():
        part.append(body)
        counts["live"] += 1
        if len(part) == _OBJECTS_IN_A_DUMP:
            _dump(actual, counts["live"], part)
    _dump(actual, counts["live"] + 1, part)
    return counts


def write_declared(estate: Estate, folder: Path) -> int:
    """Write what is declared, a file for each application; return the number of objects."""
    count = 0
    spaces = [b for b in estate.declared() if b["kind"] == "Namespace"]
    (folder / "namespaces.yaml").write_text(yaml.dump_all(spaces, Dumper=_DUMPER))
    for number in range(estate.apps):
        bodies = list(manifests_of(number))
        (folder / f"{name_of(number)}.yaml").write_text(yaml.dump_all(bodies, Dumper=_DUMPER))
        count += len(bodies)
    return count + len(spaces)


def _dump(folder: Path, number: int, part: list[object]) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": part}
    (folder / f"dump-{number:08}.json").write_text(json.dumps(listed))
    part.clear()


def _source(path: Path, facet: Facet) -> ManifestSource:
    return ManifestSource(
        f"files:{facet.value}",
        path,
        facet=facet,
        cluster=CLUSTER,
        stack=CLUSTER,
        salt=b"scale",
        clock=lambda: datetime.now(UTC),
    )


def _relations(snapshot: Snapshot, everything: list[Document]) -> list[Relation]:
    own = {d.resource.uid: d for d in snapshot.documents}
    others = {d.resource.uid: d for d in everything if d.resource.uid not in own}
    return [r for r in derive([*own.values(), *others.values()]) if r.source in own]


def _networkx(documents: list[Document], relations: list[Relation]) -> dict[str, float]:
    """The baseline: everything as attributes of nodes and edges."""
    before = resident_mb()
    begun = time.perf_counter()
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for document in documents:
        graph.add_node(document.resource.uid, **json.loads(json.dumps(document.body)))
    for relation in relations:
        graph.add_edge(relation.source, relation.target, type=relation.type, detail=relation.detail, via=relation.via)
    return {
        "networkx_with_attributes_s": round(time.perf_counter() - begun, 3),
        "networkx_with_attributes_mb": round(resident_mb() - before, 1),
    }
