"""The HTTP API: one resource a file, with its request and response bodies."""

from app.api import (
    audit,
    changes,
    coverage,
    graph,
    incidents,
    outcomes,
    proposals,
    quarantine,
    questions,
    system,
    webhooks,
)

ROUTERS = tuple(
    m.router
    for m in (system, webhooks, incidents, outcomes, proposals, graph, questions, coverage, changes, audit, quarantine)
)
"""All routes but those of the web pages."""
