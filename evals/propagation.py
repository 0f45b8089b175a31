"""Labelled propagations: which services a fault reaches, against what the blast radius says.

    python -m evals.propagation --data DIR --manifest FILE

DIR holds `<scenario>/scenario.yaml` and `groundtruth.yaml` (ITBench's layout), FILE the manifests of the application.
Affected are all services that the labels name, without the one in which the fault lies. Beside ours stands the plain
rule "everything within four calls, in either direction".
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from evals.world import environment
from graph.blast_radius import Mode, Seed, blast_radius
from graph.environment import EnvironmentGraph
from graph.kinds.kubernetes.parse import expand, parse
from graph.relation import RelationType
from graph.relations import derive
from graph.resource import kubernetes_uid
from graph.version import Document

_CLUSTER = "cluster"
_NAMESPACE = "otel-demo"
_SLOW = re.compile(r"delay|stress|memory|cpu|tamper|jvm|latency|slow", re.IGNORECASE)


class Counts(NamedTuple):
    hits: int
    said: int
    true: int

    @property
    def f1(self) -> float:
        return 2 * self.hits / (self.said + self.true) if self.said + self.true else 0.0


class Case(NamedTuple):
    name: str
    seeds: tuple[Seed, ...]
    origins: frozenset[str]
    affected: frozenset[str]


_Rule = Callable[[EnvironmentGraph, Case], frozenset[str]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--manifest", type=Path, required=True)
    arguments = parser.parse_args()
    graph = load(arguments.manifest)
    found = list(cases(arguments.data, graph))
    # Some services, such as a load generator, no label ever names: nothing can be said of them.
    labelled = frozenset(name for case in found for name in case.affected | case.origins)
    if not found:
        print(f"no scenario below {arguments.data} names a service of {arguments.manifest}", file=sys.stderr)
        return 1
    ours, plain = (total(graph, found, rule, labelled) for rule in (predicted, nearby))
    for case in found:
        said = predicted(graph, case) & labelled
        print(
            f"{case.name:14} {_f1(said, case):.2f}  missed {sorted(case.affected - said)}",
            f" extra {sorted(said - case.affected)}",
        )
    print(f"{len(found)} scenarios; micro F1 {ours.f1:.3f} (precision {ours.hits / max(1, ours.said):.3f}, ", end="")
    print(f"recall {ours.hits / max(1, ours.true):.3f}); within four calls either way: {plain.f1:.3f}")
    return 0


def load(manifest: Path) -> EnvironmentGraph:
    """Return the graph of an application's manifests."""
    documents: list[Document] = []
    for body in yaml.load_all(manifest.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader):
        for one in expand(body) if body else ():
            documents.append(parse(one, cluster=_CLUSTER, default_namespace=_NAMESPACE, salt=b"no secrets here"))
    return environment(now=datetime(2000, 1, 1, tzinfo=UTC), actual=documents, relations=derive(documents))


def cases(data: Path, graph: EnvironmentGraph) -> Iterator[Case]:
    """Yield the scenarios whose fault lies in a service of the graph."""
    apps = names(graph)
    for folder in sorted(p for p in data.glob("*") if (p / "groundtruth.yaml").is_file()):
        scenario = next(yaml.safe_load_all((folder / "scenario.yaml").read_text(encoding="utf-8")))
        truth = next(yaml.safe_load_all((folder / "groundtruth.yaml").read_text(encoding="utf-8")))
        seeds = tuple(_seeds(scenario, apps))
        origins = frozenset(_app(s.uid) for s in seeds)
        affected = frozenset(_labelled(truth.get("spec", truth), apps)) - origins
        if seeds and affected:
            yield Case(folder.name, seeds, origins, affected)


def names(graph: EnvironmentGraph) -> frozenset[str]:
    """The names of the applications: those of workloads."""
    return frozenset(r.name for r in graph if r.kind in ("Deployment", "StatefulSet", "DaemonSet"))


def predicted(graph: EnvironmentGraph, case: Case) -> frozenset[str]:
    """The applications that the blast radius names."""
    apps = names(graph)
    found = blast_radius(graph, case.seeds).affected
    return frozenset(_app(a.uid) for a in found if _app(a.uid) in apps) - case.origins


def nearby(graph: EnvironmentGraph, case: Case) -> frozenset[str]:
    """The plain rule: everything within four calls, in either direction."""
    beside: dict[str, set[str]] = defaultdict(set)
    for relation in graph.relations:
        if relation.type is RelationType.CALLS:
            one, other = _app(relation.source), _app(relation.target)
            beside[one].add(other)
            beside[other].add(one)
    found, edge = set(case.origins), set(case.origins)
    for _ in range(4):
        edge = {n for name in edge for n in beside[name]} - found
        found |= edge
    return frozenset(found & names(graph)) - case.origins


def total(graph: EnvironmentGraph, found: list[Case], rule: _Rule, labelled: frozenset[str]) -> Counts:
    """Sum up hits, said and true over all scenarios."""
    counts = [(rule(graph, case) & labelled, case.affected) for case in found]
    return Counts(sum(len(s & t) for s, t in counts), sum(len(s) for s, _ in counts), sum(len(t) for _, t in counts))


def _f1(said: frozenset[str], case: Case) -> float:
    return Counts(len(said & case.affected), len(said), len(case.affected)).f1


def _app(uid: str) -> str:
    return uid.rpartition("/")[2]


def _seeds(scenario: Mapping[str, Any], apps: frozenset[str]) -> Iterator[Seed]:
    for fault in scenario.get("spec", {}).get("faults", ()):
        for injection in fault.get("injections", [fault]):
            arguments = injection.get("args") or {}
            text = f"{injection.get('id')} {arguments}"
            mode = Mode.DEGRADED if _SLOW.search(text) else Mode.DOWN
            for name in sorted(_targets(arguments, apps)):
                uid = kubernetes_uid(cluster=_CLUSTER, group="apps", kind="Deployment", namespace=_NAMESPACE, name=name)
                yield Seed(uid=uid, mode=mode, reason=str(injection.get("id")))


def _targets(arguments: Mapping[str, Any], apps: frozenset[str]) -> set[str]:
    """The applications that an injection hits: its object, the pods that it selects, or the flag's own prefix."""
    found = set()
    name = ((arguments.get("kubernetesObject") or {}).get("metadata") or {}).get("name")
    if name in apps:
        found.add(str(name))
    found |= {app for app in re.findall(r"component': '([\w-]+)'", str(arguments.get("scheduleSpec"))) if app in apps}
    flag = str((arguments.get("flag") or {}).get("name") or "")
    if flag:
        word = re.match(r"[a-z]+", flag)
        found |= {app for app in apps if word and app.replace("-", "").startswith(word[0]) and len(word[0]) > 1}
        found -= {app for app in found if word and app != word[0] and word[0] in found}
    return found


def _labelled(truth: Mapping[str, Any], apps: frozenset[str]) -> Iterator[str]:
    """The applications that edges and alerts of the labels name."""
    groups = {g["id"]: g for g in truth.get("groups", ())}
    ends = {e for edge in truth.get("propagations", ()) for e in (edge.get("source"), edge.get("target"))}
    ends |= {a.get("group_id") for a in truth.get("alerts", ())}
    for end in ends:
        yield from _matching(groups.get(end), apps)


def _matching(group: Mapping[str, Any] | None, apps: frozenset[str]) -> Iterator[str]:
    for pattern in (group or {}).get("filter") or ():
        for app in apps:
            # A filter of pods begins with the workload's name and goes on with a generated part.
            is_meant = re.fullmatch(pattern, app) or re.fullmatch(pattern, f"{app}-7d9f-x2x")
            if is_meant and not any(o.startswith(f"{app}-") and re.fullmatch(pattern, o) for o in apps):
                yield app


if __name__ == "__main__":
    sys.exit(main())
