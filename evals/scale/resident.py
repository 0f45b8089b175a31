"""A resident estate: what it takes in memory, how fast a change becomes a verdict, and what a failure reaches."""

from __future__ import annotations

import json
import random
import time
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import islice

import networkx as nx

from evals.scale.estate import APPS_IN_NAMESPACE, Estate, declared, document, live, uid_of
from evals.scale.ingest import ENVIRONMENT
from evals.scale.ports import Graphs
from evals.scale.timing import Times, resident_mb, stopwatch
from graph.blast_radius import blast_radius, failing_seeds
from graph.document import Json, Object
from graph.drift import DriftReport, compare_part
from graph.environment import EnvironmentGraph
from graph.relation import Relation
from graph.relations import derive
from graph.resource import Facet
from graph.surroundings import judged_with
from graph.version import Delta

_SOURCES = {Facet.INTENDED: "git:scale", Facet.ACTUAL: "cluster:scale"}
_NAMESPACES_AT_ONCE = 8
_ONE_OF = 100
"""Share of the estate on which plain ways are measured."""


def fill(graphs: Graphs, estate: Estate, at: datetime) -> int:
    """Store an estate part by part, so that no more than a part of it is in memory. Return the number of resources."""
    count = 0
    for numbers in _parts(estate.apps, APPS_IN_NAMESPACE * _NAMESPACES_AT_ONCE):
        part = {
            Facet.INTENDED: [document(b) for n in numbers for b in declared(n)],
            Facet.ACTUAL: [document(estate.edited(n, b)) for n in numbers for b in live(n)],
        }
        count += len({d.resource.uid for documents in part.values() for d in documents})
        for facet, documents in part.items():
            own = {d.resource.uid for d in documents}
            others = [d for d in part[Facet.INTENDED] if d.resource.uid not in own]
            stated: dict[str, list[Relation]] = {}
            for relation in derive([*documents, *others]):
                if relation.source in own:
                    stated.setdefault(relation.source, []).append(relation)
            delta = Delta(facet=facet, source=_SOURCES[facet], at=at, documents=tuple(documents))
            graphs.record_delta(ENVIRONMENT, delta, stated)
    return count


def measure_resident(graphs: Graphs, estate: Estate, *, rounds: int, seed: int = 1) -> dict[str, float]:
    """Measure a store that `fill` filled before, by another process, so that memory is that of answering alone."""
    figures: dict[str, float] = {"resident_before_mb": resident_mb()}
    with stopwatch(figures, "load"):
        graph = graphs.load(ENVIRONMENT)
    figures |= {"resources": len(graph), "relations": len(graph.relations), "resident_loaded_mb": resident_mb()}
    chosen = random.Random(seed)  # noqa: S311  (a sample, not a secret)
    verdicts = Times()
    missed = 0
    for number in _sample(chosen, estate.apps, rounds):
        changed = _changed(number, chosen)
        report = verdicts.of(partial(_verdict, graphs, changed))
        missed += not any(f.resource.uid == uid_of(changed) for f in report.findings)
    blasts = Times()
    for number in _sample(chosen, estate.apps, rounds):
        _blast(graphs, uid_of(next(b for b in declared(number) if b["kind"] == "Service")), blasts)
    figures |= verdicts.told("verdict") | blasts.told("blast")
    figures |= {"verdicts_missed": missed, "resident_mb": resident_mb()}
    figures |= _baselines(graphs.load(ENVIRONMENT))
    figures["two_way_per_verdict"] = round(figures["two_way_of_all_s"] * 1000 / figures["verdict_cpu_p95_ms"], 1)
    figures["networkx_per_resident"] = round(figures["networkx_with_attributes_mb"] / figures["resident_mb"], 1)
    return figures


def _verdict(graphs: Graphs, body: Object) -> DriftReport:
    """What happens when a watch tells of one object: it is stored, and what it bears on is judged."""
    told_of = document(body)
    delta = Delta(facet=Facet.ACTUAL, source=_SOURCES[Facet.ACTUAL], at=datetime.now(UTC), documents=(told_of,))
    graphs.record_delta(ENVIRONMENT, delta, {})
    graph = graphs.load(ENVIRONMENT)
    return compare_part(graph, judged_with(graph, (told_of.resource.uid,)))


def _changed(number: int, chosen: random.Random) -> Object:
    kind = chosen.choice(("Deployment", "ConfigMap", "Service", "HorizontalPodAutoscaler"))
    body = next(b for b in live(number) if b["kind"] == kind)
    body["metadata"]["resourceVersion"] = str(chosen.randrange(10**9))
    if kind == "Deployment":
        body["spec"]["template"]["spec"]["containers"][0]["image"] = f"registry.example/other:{chosen.random()}"
    elif kind == "ConfigMap":
        body["data"]["TIMEOUT"] = f"{chosen.random()}s"
    elif kind == "Service":
        body["spec"]["ports"][0]["targetPort"] = chosen.randint(1000, 9000)
    else:
        body["spec"]["maxReplicas"] = chosen.randint(20, 900)
    return body


def _blast(graphs: Graphs, uid: str, into: Times) -> None:
    def ask() -> None:
        graph = graphs.load(ENVIRONMENT)
        radius = blast_radius(graph, failing_seeds(graph, uid, ""))
        if not radius.affected:
            raise RuntimeError(f"nothing depends on {uid}")

    into.of(ask)


def _baselines(graph: EnvironmentGraph) -> dict[str, float]:
    """What plain ways take, measured on a hundredth of the estate, times a hundred.

    `two_way_of_all_s`: processor seconds to parse and compare the two documents of each resource, field by field and
    without any rule. `networkx_with_attributes_mb`: a NetworkX graph whose nodes have their documents as attributes.
    """
    some = [r.uid for r in islice(graph, 0, None, _ONE_OF)]
    texts = [tuple(json.dumps(graph.body(uid, facet)) for facet in (Facet.INTENDED, Facet.ACTUAL)) for uid in some]
    begun = time.process_time()
    for intended, actual in texts:
        sum(1 for _ in _differing(json.loads(intended), json.loads(actual)))
    took = time.process_time() - begun
    tracemalloc.start()
    nodes: nx.MultiDiGraph[str] = nx.MultiDiGraph()
    for uid, (intended, actual) in zip(some, texts, strict=True):
        nodes.add_node(uid, intended=json.loads(intended), actual=json.loads(actual))
        for relation in graph.outgoing(uid):
            nodes.add_edge(uid, relation.target, type=relation.type, via=relation.via, detail=relation.detail)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    share = len(graph) / len(some)
    return {
        "two_way_of_all_s": round(took * share, 3),
        "networkx_with_attributes_mb": round(size * share / 2**20, 1),
    }


def _differing(one: Json, other: Json) -> Iterator[None]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in one.keys() | other.keys():
            yield from _differing(one.get(key), other.get(key))
    elif one != other:
        yield None


def _sample(chosen: random.Random, apps: int, rounds: int) -> list[int]:
    return [chosen.randrange(apps) for _ in range(rounds)]


def _parts(count: int, size: int) -> Iterator[range]:
    return (range(start, min(count, start + size)) for start in range(0, count, size))
