"""The HTTP API: one resource a file, with its request and response bodies."""

from app.api import (
    audit,
    changes,
    coverage,
    deploy_hooks,
    drift_events,
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
    for m in (
        system,
        webhooks,
        deploy_hooks,
        incidents,
        outcomes,
        proposals,
        graph,
        questions,
        drift_events,
        coverage,
        changes,
        audit,
        quarantine,
    )
)
"""All routes but those of the web pages."""
