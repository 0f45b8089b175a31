"""What declared state, change history and relations are worth: the same incidents, with one of them taken away.

A wrong accusation names a resource that is not the cause, with a verdict of "cause found". Silence is not one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from evals.figures import Summary, quantile, share
from graph.diagnosis.engine import diagnose
from graph.diagnosis.result import DiagnosisVerdict
from graph.drift import compare_graph
from graph.environment import EnvironmentGraph
from graph.incident import Alert, OpenIncident
from graph.relation import RelationType
from graph.resource import Facet
from graph.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident whose end is known."""

    name: str
    graph: EnvironmentGraph
    alerts: Sequence[Alert]
    deployers: frozenset[str]
    open_incidents: Sequence[OpenIncident] = ()
    verdict: DiagnosisVerdict
    cause: str
    """uid; empty when there is none to be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What is left of the environment."""

    name: str
    keep: Callable[[EnvironmentGraph], EnvironmentGraph]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How one variant did over all incidents."""

    variant: str
    right: Summary
    """Verdict and cause as they should be."""
    named: Summary
    """The true cause stands first, whatever the verdict; of incidents that have one."""
    accused: Summary
    """Somebody innocent was accused."""
    median_s: float
    wrong: tuple[str, ...]
    """Names of the incidents that did not end right."""


def _whole(graph: EnvironmentGraph) -> EnvironmentGraph:
    return graph


def without_intent(graph: EnvironmentGraph) -> EnvironmentGraph:
    """Nobody knows what was declared or applied; what runs says it neither."""
    return _rebuilt(graph, facets=(Facet.ACTUAL,))


def without_history(graph: EnvironmentGraph) -> EnvironmentGraph:
    """No records of changes, and no earlier versions."""
    return _rebuilt(graph, has_history=False)


def without_relations(graph: EnvironmentGraph) -> EnvironmentGraph:
    """Nothing is known to depend on anything; what a thing is made of stays."""
    return _rebuilt(graph, types=(RelationType.OWNED_BY,))


def bare(graph: EnvironmentGraph) -> EnvironmentGraph:
    """What runs and what it says of itself, nothing else."""
    return _rebuilt(graph, facets=(Facet.ACTUAL,), has_history=False, types=(RelationType.OWNED_BY,))


VARIANTS: tuple[Variant, ...] = (
    Variant(name="everything", keep=_whole),
    Variant(name="without declared state", keep=without_intent),
    Variant(name="without change history", keep=without_history),
    Variant(name="without relations", keep=without_relations),
    Variant(name="actual state alone", keep=bare),
)


def ablate(incidents: Sequence[Incident], variants: Iterable[Variant] = VARIANTS) -> list[Outcome]:
    """Diagnose every incident in every variant."""
    return [_outcome(variant, incidents) for variant in variants]


def table(outcomes: Sequence[Outcome]) -> str:
    """The outcomes as Markdown."""
    lines = [
        "| State model | Right | True cause first | Wrong accusations | Median s | Not right |",
        "|---|---|---|---|---|---|",
    ]
    for one in outcomes:
        cells = [f"{s.value:.2f} [{s.low:.2f}, {s.high:.2f}] of {s.n}" for s in (one.right, one.named, one.accused)]
        lines.append(f"| {one.variant} | {' | '.join(cells)} | {one.median_s:.3f} | {', '.join(one.wrong) or '-'} |")
    return "\n".join(lines)


def _outcome(variant: Variant, incidents: Sequence[Incident]) -> Outcome:
    rights, named, accused, seconds, wrong = [], [], [], [], []
    for incident in incidents:
        graph = variant.keep(incident.graph)
        begun = time.perf_counter()
        found = diagnose(
            graph,
            incident.alerts,
            drift=compare_graph(graph),
            deployers=incident.deployers,
            open_incidents=incident.open_incidents,
        )
        seconds.append(time.perf_counter() - begun)
        first = found.causes[0].resource if found.causes else ""
        is_named = first == incident.cause
        rights.append(found.verdict is incident.verdict and (not incident.cause or is_named))
        if incident.cause:
            named.append(is_named)
        accused.append(found.verdict is DiagnosisVerdict.CAUSE_FOUND and not is_named)
        if not rights[-1]:
            wrong.append(incident.name)
    return Outcome(
        variant=variant.name,
        right=share(rights),
        named=share(named),
        accused=share(accused),
        median_s=quantile(seconds, 0.5),
        wrong=tuple(wrong),
    )


def _rebuilt(
    graph: EnvironmentGraph,
    *,
    facets: Sequence[Facet] = tuple(Facet),
    has_history: bool = True,
    types: Sequence[RelationType] | None = None,
) -> EnvironmentGraph:
    versions = [v for r in graph for f in facets if (v := graph.version(r.uid, f)) is not None]
    history = [v for r in graph for f in facets for v in graph.history(r.uid, f)] if has_history else []
    return EnvironmentGraph(
        name=graph.name,
        as_of=graph.as_of,
        versions=[_undressed(v, facets) for v in versions],
        relations=[r for r in graph.relations if types is None or r.type in types],
        history=history,
        changes=graph.changes() if has_history else (),
        symptoms=[s for r in graph for s in graph.symptoms(r.uid)],
        unreadable=graph.unreadable,
        sources=[s for s in graph.sources if s.facet is None or s.facet in facets],
    )


def _undressed(version: Version, facets: Sequence[Facet]) -> Version:
    """Live objects carry what was last applied to them; without applied state that is not known either."""
    if Facet.APPLIED in facets or "metadata" not in version.body:
        return version
    metadata = dict(version.body["metadata"])
    notes = {
        k: v for k, v in (metadata.get("annotations") or {}).items() if not k.endswith("last-applied-configuration")
    }
    return replace(version, body={**version.body, "metadata": {**metadata, "annotations": notes}})
