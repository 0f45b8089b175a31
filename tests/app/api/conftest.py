"""The HTTP side over real repositories in a SQLite file, with one small environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.services import SenderSecrets, Services
from app.store.audit import AuditLog
from app.store.database import Database
from app.store.drift_events import DriftEvents
from app.store.graph import GraphStore
from app.store.inbox import Inbox
from app.store.incidents import Incidents
from app.store.jobs import Jobs
from app.store.memories import Memories
from app.store.proposals import Proposals
from app.store.triages import Triages
from app.store.users import PrincipalKind, Role, Users
from graph.action import Action, ActionKind, Check, CheckKind, FieldEdit, Plan, Risk
from graph.blast_radius import Affected, Band, BlastRadius, Mode, Seed
from graph.change import Actor, ActorType, Change, Channel
from graph.diagnosis.result import Cause, CauseState, Diagnosis, DiagnosisVerdict, Statement
from graph.environment import EnvironmentGraph
from graph.errors import NotFound
from graph.evidence import Gap, ObservationKind, observe
from graph.ignoring import IgnoreRule
from graph.incident import Alert, AlertStatus, Candidate
from graph.memory import Portrait
from graph.relation import Relation, RelationType
from graph.resource import Facet
from graph.version import Document, Snapshot
from tests.graph.builders import k8s, manifest, resource_of, service, workload

BASE_URL = "http://testserver"
SECRETS = SenderSecrets(
    pagerduty=("pd-old", "pd-new"),
    opsgenie=("og",),
    alertmanager=("am",),
    change_keys=("routing-key",),
    github=("gh",),
    gitlab=("gl",),
    argocd=("argo",),
)
CHECKOUT = k8s("Deployment", "checkout")
CONFIG = k8s("ConfigMap", "checkout-config")


@dataclass
class Clock:
    """A clock that tests move."""

    now: datetime = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


class StoredEnvironments:
    """Environments that are read from nowhere: what the tests recorded is all there is."""

    def __init__(self, store: GraphStore, names: Sequence[str]) -> None:
        self._store = store
        self._names = list(names)

    def names(self) -> Sequence[str]:
        return self._names

    def ignore_rules(self, environment: str) -> tuple[IgnoreRule, ...]:
        del environment
        return ()

    def also_called(self, environment: str) -> frozenset[str]:
        return frozenset({"production"}) if environment == "demo" else frozenset()

    def deployers(self, environment: str) -> frozenset[str]:
        return frozenset({"argocd"})

    def graph(
        self, environment: str, *, as_of: datetime | None = None, known_at: datetime | None = None
    ) -> EnvironmentGraph:
        if environment not in self._names:
            raise NotFound(f"no environment {environment!r}")
        return self._store.load(environment, as_of=as_of, known_at=known_at)


@dataclass
class World:
    """An application and what is behind it."""

    services: Services
    clock: Clock
    tokens: Mapping[str, str]
    looks: list[tuple[str, str]] = field(default_factory=list)
    woken: list[datetime] = field(default_factory=list)

    def client(self, role: str | None = None) -> TestClient:
        """Return a client that presents the token of a role, or none."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}"} if role else {}
        return TestClient(create_app(self.services), headers=headers, base_url=BASE_URL)

    def incident(self, key: str = "A1") -> str:
        """Store an incident with a diagnosis, and return its id."""
        alert = Alert(
            id=f"alert-{key}",
            sender="pagerduty",
            key=key,
            status=AlertStatus.FIRING,
            title="Checkout fails \ud800\u202e",
            labels={"service": "checkout"},
            started_at=self.clock.now,
        )
        id = self.services.incidents.receive_alert(alert, environment="demo").incident_id
        self.services.incidents.save_diagnosis(
            id, diagnosis(self.clock.now), radius(), took_s=0.4, model={"used": False, "note": "none"}
        )
        return id

    def proposal(self, incident: str, *, requester: str = "agent:plumbline", hold: str = "", cause: str = "") -> str:
        """Store a proposal and return its id."""
        now = self.clock.now
        return self.services.proposals.create(
            incident_id=incident,
            plan=plan(now, hold=hold),
            requester=requester,
            blast=radius(),
            policy_version="test-1",
            required_approvals=1,
            expires_at=now + timedelta(hours=1),
            now=now,
            cause=cause,
        ).id


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An empty installation with one user for each role."""
    made = build(tmp_path)
    yield made
    made.services.database.dispose()


def build(folder: Path, *, secrets: SenderSecrets = SECRETS) -> World:
    """Build an installation in a folder."""
    clock = Clock()
    database = Database(f"sqlite:///{folder / 'plumbline.db'}")
    database.migrate()
    audit = AuditLog(database, b"k" * 32, folder / "audit.head", clock=clock)
    jobs = Jobs(database, clock=clock)
    users = Users(database, audit, clock=clock)
    graphs = GraphStore(database, clock=clock)
    looks: list[tuple[str, str]] = []
    woken: list[datetime] = []
    services = Services(
        database=database,
        inbox=Inbox(database, jobs),
        incidents=Incidents(database, audit, clock=clock),
        proposals=Proposals(database, audit, clock=clock),
        memories=Memories(database, audit, clock=clock),
        triages=Triages(database, audit, clock=clock),
        users=users,
        audit=audit,
        graph_store=graphs,
        environments=StoredEnvironments(graphs, ["demo"]),
        drift_events=DriftEvents(database),
        secrets=secrets,
        look_again=lambda incident, who: looks.append((incident, who)),
        wake=lambda: woken.append(clock.now),
        clock=clock,
    )
    tokens = {role.value: users.issue_token(users.create(f"{role.value}-user", role)) for role in Role}
    tokens["approver2"] = users.issue_token(users.create("second", Role.APPROVER))
    tokens["agent"] = users.issue_token(users.create("robot", Role.ADMIN, PrincipalKind.AGENT))
    _record_estate(graphs, clock)
    return World(services=services, clock=clock, tokens=tokens, looks=looks, woken=woken)


def diagnosis(now: datetime) -> Diagnosis:
    """A diagnosis with one cause, text that JSON can't hold, and a gap."""
    drift = observe(ObservationKind.DRIFT, resource=CONFIG, summary="PAYMENTS_URL differs", at=now, data={"x\ud800": 1})
    against = observe(ObservationKind.CONDITION, resource=CHECKOUT, summary="Pods are ready", at=now)
    change = Change(
        id="change-1",
        uid=CONFIG,
        kind="config",
        path="/data/PAYMENTS_URL",
        before="http://payments",
        after=float("inf"),
        latest=now,
        actor=Actor(name="mallory", type=ActorType.HUMAN),
        channel=Channel.BY_HAND,
    )
    cause = Cause(
        resource=CONFIG,
        kind="config_changed",
        summary="PAYMENTS_URL was changed by hand.",
        confidence=0.9,
        state=CauseState.LEADING,
        statements=(Statement(text="It differs.", evidence=(drift.id,)),),
        against=(Statement(text="Pods are ready.", evidence=(against.id,)),),
        change=change,
    )
    return Diagnosis(
        verdict=DiagnosisVerdict.CAUSE_FOUND,
        summary=cause.summary,
        causes=(cause,),
        subjects=(Candidate(uid=CHECKOUT, score=0.8, reason="title"),),
        observations=(drift, against),
        gaps=(Gap(what="logs", why="no source"),),
        portrait=Portrait(subjects=(CHECKOUT,), words=frozenset({"fails"}), complaints=frozenset()),
        as_of=now,
    )


def radius() -> BlastRadius:
    """A blast radius with one affected resource."""
    reached = Affected(
        uid=CHECKOUT, band=Band.CERTAIN, mode=Mode.DEGRADED, path=(CONFIG, CHECKOUT), reason="reads it", depth=1
    )
    seed = Seed(uid=CONFIG, mode=Mode.DOWN, reason="changed")
    return BlastRadius(seeds=(seed,), affected=(reached,), unseen=("nothing is known of callers",), unseen_share=0.5)


def plan(now: datetime, *, hold: str = "") -> Plan:
    """A plan that sets one field back."""
    edit = FieldEdit(path="/data/PAYMENTS_URL", before="http://wrong", after="http://payments")
    undo = FieldEdit(path=edit.path, before=edit.after, after=edit.before)
    return Plan(
        environment="demo",
        action=Action(kind=ActionKind.SET_FIELDS, target=CONFIG, edits=(edit,)),
        title="Set 1 field of shop/ConfigMap/checkout-config",
        reason="It was changed by hand.",
        preconditions=(Check(kind=CheckKind.FIELD_EQUALS, target=CONFIG, path=edit.path, value=edit.before),),
        verification=(Check(kind=CheckKind.FIELD_EQUALS, target=CONFIG, path=edit.path, value=edit.after),),
        verify_within_s=30,
        rollback=(Action(kind=ActionKind.SET_FIELDS, target=CONFIG, edits=(undo,)),),
        observed="0" * 64,
        observed_at=now,
        risk=Risk.LOW,
        hold=hold,
        policy_version="test-1",
    )


def _record_estate(graphs: GraphStore, clock: Clock) -> None:
    """Record a workload, its Service and its ConfigMap; the last one was changed out of band."""
    declared = [
        workload("checkout"),
        service("checkout"),
        manifest("ConfigMap", "checkout-config", data={"PAYMENTS_URL": "http://payments"}),
    ]
    observed = [*declared[:2], manifest("ConfigMap", "checkout-config", data={"PAYMENTS_URL": "http://wrong"})]
    reads = Relation(source=CHECKOUT, target=CONFIG, type=RelationType.READS, via="/spec")
    at = clock.now - timedelta(minutes=5)
    for facet, bodies in ((Facet.INTENDED, declared), (Facet.APPLIED, declared), (Facet.ACTUAL, observed)):
        snapshot = Snapshot(
            facet=facet,
            source=f"{facet.value}:demo",
            taken_at=at,
            documents=tuple(Document(resource=resource_of(body), body=body) for body in bodies),
        )
        graphs.record("demo", snapshot, [reads])
