"""Tools that ask the environment graph: why something is so, what its history is, what leans on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graph.blast_radius import blast_radius, failing_seeds
from graph.change import Change
from graph.diagnosis.ledger import shown
from graph.document import Object
from graph.environment import EnvironmentGraph
from graph.errors import Conflict, NotFound
from graph.evidence import Observation, ObservationKind, observe
from graph.explanation import explain
from graph.lookup import find
from graph.questions import changes_of
from graph.resource import Resource, display_uid
from tools.tool import Question, Tool, ToolRetry

_MOST = 10
"""Entries of an answer; a model reads no more with care."""


def environment_tools(graph: EnvironmentGraph, *, deployers: frozenset[str]) -> tuple[Tool, ...]:
    """Return the tools over one graph.

    Args:
        graph: the environment as of the time of the investigation.
        deployers: names of the actors that deployments run as.
    """

    def why(resource: Resource, path: str) -> Object:
        found = explain(graph, resource, path, deployers=deployers)
        return {
            "summary": found.summary,
            "differences": [
                {"path": f.path, "verdict": f.verdict.value, "intended": shown(f.intended), "actual": shown(f.actual)}
                for f in found.findings[:_MOST]
            ],
            "changes": [_told(c) for c in found.changes[:_MOST]],
            "dependents": [display_uid(d.uid) for d in found.dependents[:_MOST]],
            "gaps": [f"{g.what}: {g.why}" for g in found.gaps[:_MOST]],
        }

    def changed(resource: Resource, path: str) -> Object:
        page = changes_of(graph, resource.uid, path, deployers=deployers, limit=_MOST)
        told = [
            {
                "path": c.path,
                "facet": c.facet.value,
                "before": shown(c.before),
                "after": shown(c.after),
                "between": [c.earliest.isoformat() if c.earliest else None, c.latest.isoformat()],
                "actor": c.actor.name if c.actor else None,
                "channel": c.channel.value,
                "commit": c.reference,
            }
            for c in page.changes
        ]
        return {"total": page.total, "changes": told, "gaps": [f"{g.what}: {g.why}" for g in page.gaps[:_MOST]]}

    def blast(resource: Resource, path: str) -> Object:
        radius = blast_radius(graph, failing_seeds(graph, resource.uid, path))
        reached = [
            {"resource": display_uid(a.uid), "band": a.band.value, "mode": a.mode.value} for a in radius.affected
        ]
        return {"total": len(reached), "affected": reached[:_MOST], "unseen": list(radius.unseen[:_MOST])}

    return (
        _tool(graph, "why", "Why a resource or one field of it is as it is: drift, who changed it, when, how.", why),
        _tool(graph, "changes", "What changed a resource or a field, newest first.", changed),
        _tool(graph, "blast", "What suffers if a resource fails.", blast),
    )


def _tool(
    graph: EnvironmentGraph, name: str, description: str, answer: Callable[[Resource, str], dict[str, Any]]
) -> Tool:
    def run(question: Question) -> Observation:
        try:
            resource = find(graph, question.resource)
        except (NotFound, Conflict) as error:
            raise ToolRetry(str(error)) from error
        where = f"{question.path} of {resource.display}" if question.path else resource.display
        return observe(
            ObservationKind.STATE,
            resource=resource.uid,
            summary=f"The model asked {name} about {where}.",
            at=graph.as_of,
            source=f"tool:{name}",
            data=answer(resource, question.path),
        )

    return Tool(name=name, description=description, run=run)


def _told(change: Change) -> Object:
    return {
        "path": change.path,
        "before": shown(change.before),
        "after": shown(change.after),
        "between": [change.earliest.isoformat() if change.earliest else None, change.latest.isoformat()],
        "actor": change.actor.name if change.actor else None,
        "session": change.actor.session if change.actor else None,
        "channel": change.channel.value,
    }
