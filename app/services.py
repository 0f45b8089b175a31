"""What the HTTP side works with, as one frozen record. Built in the wiring, read by every route."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from starlette.requests import Request  # FastAPI's own, without FastAPI: the executor does not need it

from app.recording import News, tell_nobody
from app.store.audit import AuditLog
from app.store.database import Database
from app.store.drift_events import DriftEvents
from app.store.graph import GraphStore
from app.store.inbox import Inbox
from app.store.incidents import Incidents
from app.store.memories import Memories
from app.store.proposals import Proposals
from app.store.triages import Triages
from app.store.users import Users
from graph.change import Change
from graph.environment import EnvironmentGraph
from graph.ignoring import IgnoreRule


class Environments(Protocol):
    """The governed environments, as the API sees them."""

    def names(self) -> Sequence[str]: ...

    def graph(
        self, environment: str, *, as_of: datetime | None = None, known_at: datetime | None = None
    ) -> EnvironmentGraph:
        """Return the graph now, or as of a time (UTC); with `known_at`, as far as was known by then.

        Raises:
            NotFound: there is no such environment.
        """
        ...

    def deployers(self, environment: str) -> frozenset[str]: ...

    def ignore_rules(self, environment: str) -> Sequence[IgnoreRule]:
        """Return the rules that set findings of drift aside."""
        ...

    def also_called(self, environment: str) -> frozenset[str]:
        """Return the names by which deploy tools know an environment."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderSecrets:
    """Secrets that alert senders prove themselves with. A sender without one has no endpoint."""

    pagerduty: tuple[str, ...] = field(default=(), repr=False)
    opsgenie: tuple[str, ...] = field(default=(), repr=False)
    alertmanager: tuple[str, ...] = field(default=(), repr=False)
    github: tuple[str, ...] = field(default=(), repr=False)
    gitlab: tuple[str, ...] = field(default=(), repr=False)
    argocd: tuple[str, ...] = field(default=(), repr=False)
    change_keys: tuple[str, ...] = field(default=(), repr=False)
    """Routing keys of the PagerDuty-compatible change endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything behind the HTTP side. All calls block: routes make them in threads."""

    database: Database
    inbox: Inbox
    incidents: Incidents
    proposals: Proposals
    memories: Memories
    triages: Triages
    users: Users
    audit: AuditLog
    graph_store: GraphStore
    environments: Environments
    drift_events: DriftEvents
    secrets: SenderSecrets
    look_again: Callable[[str, str], None]
    """Asks for a new investigation of an incident: takes its id and the name of who asks."""
    wake: Callable[[], None]
    """Tells the workers of this process that there is a new job. Called from the event loop; must not block."""
    clock: Callable[[], datetime]
    """Returns the current time, UTC."""
    heard: Callable[[News], None] = tell_nobody
    """Is told of records of changes that came in, once they are stored; must not block."""
    starting: Callable[[], str] = str
    """Says what the service still waits for before it is ready; empty when it is."""
    base_url: str = ""
    """Address under which people reach the service; that of each request when empty."""


def record_changes(services: Services, environment: str, changes: Sequence[Change]) -> int:
    """Store changes that somebody posted, and tell of them; return how many were new."""
    new = services.graph_store.record_changes(environment, changes)
    if new:
        services.heard(News(environment=environment, evidence=frozenset(change.uid for change in changes)))
    return new


def services_of(request: Request) -> Services:
    """Return the services of the application that got this request."""
    services = request.app.state.services
    assert isinstance(services, Services)
    return services
