"""Puts the parts together: from settings to the service, and to the executor. The one place that knows all of them."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.services import SenderSecrets, Services
from app.settings import ExecutorSettings, ModelSettings, Settings, load_settings
from app.store.audit import AuditLog
from app.store.database import Database
from app.store.drift_events import DriftEvents
from app.store.graph import GraphStore
from app.store.inbox import DELIVERY_JOB, Inbox
from app.store.incidents import Incidents
from app.store.jobs import Jobs
from app.store.keys import Keys, load_or_create
from app.store.leases import Leases
from app.store.memories import Memories
from app.store.proposals import Proposals
from app.store.triages import Triages
from app.store.users import PrincipalKind, Role, Users
from graph.document import Object
from graph.errors import Invalid, NotFound, Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """The database and everything kept in it."""

    keys: Keys
    database: Database
    audit: AuditLog
    jobs: Jobs
    inbox: Inbox
    incidents: Incidents
    proposals: Proposals
    memories: Memories
    users: Users
    graphs: GraphStore
    drift_events: DriftEvents
    leases: Leases
    triages: Triages


def open_store(settings: Settings) -> Store:
    """Open the database of an installation, and bring its tables to the newest version."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Refused(
            f"can't make the data directory {str(settings.data_dir)!r}: {error.strerror}; name another with --data-dir"
        ) from error
    keys = load_or_create(settings.data_dir / "keys.json")
    database = Database(settings.sqlalchemy_url)
    database.migrate()
    audit = AuditLog(database, keys.audit, settings.data_dir / "audit.head")
    jobs = Jobs(database)
    return Store(
        keys=keys,
        database=database,
        audit=audit,
        jobs=jobs,
        inbox=Inbox(database, jobs),
        incidents=Incidents(database, audit),
        proposals=Proposals(database, audit),
        memories=Memories(database, audit),
        users=Users(database, audit),
        graphs=GraphStore(database),
        drift_events=DriftEvents(database),
        leases=Leases(database),
        triages=Triages(database, audit),
    )


def open_graphs(url: str | None) -> GraphStore:
    """Open the environment graphs of one database, and bring its tables to the newest version.

    Raises:
        Invalid: no URL is given.
    """
    if url is None:
        raise Invalid("which database? name it with --database")
    database = Database(url)
    database.migrate()
    return GraphStore(database)


class Service:
    """The running service: the routes' services, the workers, and the threads that keep the graphs fresh."""

    def __init__(self, settings: Settings, store: Store) -> None:
        from app.alone import Presence
        from app.casebook import StoredCasebook
        from app.collector import Collector
        from app.drift_watch import DriftWatch
        from app.environments import GovernedEnvironments
        from app.intake import Intake
        from app.leadership import Leadership
        from app.looks import INVESTIGATE_JOB, TRIAGE_JOB, Looks
        from app.sources import build_sources
        from app.upkeep import Upkeep
        from app.worker import Workers

        self.store = store
        self.environments = GovernedEnvironments(
            [build_sources(e, salt=store.keys.salt, clock=now) for e in settings.environments],
            store.graphs,
            now,
            tell=lambda news: self._drift.hear(news),
        )
        leadership = Leadership(store.leases, self.environments.names())
        self._drift = DriftWatch(self.environments, store.drift_events, is_ours=leadership.holds, clock=now)
        self._collector = Collector(self.environments, self._drift, leadership, every_s=settings.collect_every_s)
        self._looks = Looks(store.database, store.jobs, wake=self._wake)
        casebook = StoredCasebook(
            store.incidents,
            store.proposals,
            store.memories,
            store.triages,
            self._looks,
            pending=timedelta(minutes=settings.approvals.pending_minutes),
            clock=now,
        )
        intake = Intake(
            inbox=store.inbox,
            incidents=store.incidents,
            audit=store.audit,
            environments=self.environments,
            looks=self._looks,
            triages=store.triages,
            clock=now,
        )
        deps = _Lazy(lambda: _deps(settings, self.environments, casebook, aside=self._workers.stood_in_for))
        investigations = _Lazy(lambda: _investigations(settings, store, deps.get()))
        judgements = _Lazy(lambda: _judgements(store, deps.get(), self._looks))
        handlers = {
            DELIVERY_JOB: intake.process,
            INVESTIGATE_JOB: lambda job, payload: investigations.get().process(job, payload),
            TRIAGE_JOB: lambda job, payload: judgements.get().process(job, payload),
        }
        self._workers: Workers = Workers(store.jobs, handlers, threads=settings.workers)
        self._upkeep = Upkeep(store.proposals, every_s=settings.collect_every_s, clock=now)
        self._presence = Presence(settings.data_dir / "service.lock")
        self._warm_up = threading.Thread(target=investigations.get, name="warm-up", daemon=True)
        self.services = Services(
            database=store.database,
            inbox=store.inbox,
            incidents=store.incidents,
            proposals=store.proposals,
            memories=store.memories,
            triages=store.triages,
            users=store.users,
            audit=store.audit,
            graph_store=store.graphs,
            environments=self.environments,
            drift_events=store.drift_events,
            secrets=_sender_secrets(settings),
            look_again=self._look_again,
            wake=self._wake,
            clock=now,
            heard=self._drift.hear,
            starting=self._starting,
            base_url=settings.base_url,
        )

    def start(self) -> None:
        """Start the threads, and take up first what a killed service left, where it can be known that it is dead."""
        if self._presence.announce() and self.store.database.is_sqlite:
            self.store.jobs.take_back()
            self.store.leases.release_all()
        self._warm_up.start()
        self._upkeep.start()
        self._collector.start()
        self._workers.start()

    def stop(self) -> None:
        """Stop the threads; what is not done is taken up after the next start."""
        self._workers.stop()
        self._upkeep.stop()
        self._collector.stop()
        self._presence.leave()

    def _starting(self) -> str:
        if not self._collector.has_read_all:
            return "the sources are being read for the first time"
        return "the investigator is being loaded" if self._warm_up.is_alive() else ""

    def _wake(self) -> None:
        self._workers.wake()

    def _look_again(self, incident: str, who: str) -> None:
        environment = self.store.incidents.get(incident).environment
        self._looks.ask(incident, environment, since=now(), requester=who)


class _Lazy:
    """Builds something once, when it is first needed: LangGraph takes a second to import, a webhook must not wait."""

    def __init__(self, build: Any) -> None:
        self._build = build
        self._lock = threading.Lock()
        self._value: Any = None

    def get(self) -> Any:
        with self._lock:
            if self._value is None:
                self._value = self._build()
            return self._value


def _deps(settings: Settings, environments: Any, casebook: Any, *, aside: Any) -> Any:
    from agents.state import Deps

    return Deps(environments=environments, casebook=casebook, model=_model(settings.model, aside=aside), clock=now)


def _investigations(settings: Settings, store: Store, deps: Any) -> Any:
    from agents.investigator import Investigator
    from agents.workflow import Workflow
    from app.investigations import Investigations

    return Investigations(Investigator(Workflow(_checkpoints(settings, store)), deps), store.incidents)


def _judgements(store: Store, deps: Any, looks: Any) -> Any:
    from app.investigations import Judgements

    return Judgements(deps, store.incidents, looks)


def _model(settings: ModelSettings, *, aside: Any) -> Any:
    """Build the model that the settings name; None when they name none."""
    from agents.model_breaker import Breaker
    from agents.model_openai import OpenAIModel
    from app.model_turns import ModelInTurns

    if not settings.base_url:
        return None
    model = OpenAIModel(
        base_url=settings.base_url,
        api_key=settings.api_key.get_secret_value() if settings.api_key else "",
        name=settings.name,
        timeout_s=settings.timeout_s,
        max_tokens=settings.max_tokens,
    )
    return Breaker(ModelInTurns(model, aside=aside), monotonic=time.monotonic)


def build_model(settings: ModelSettings) -> Any:
    """Build the model that the settings name, for one caller that needs no turns.

    Raises:
        Invalid: the settings name none.
    """
    model = _model(settings, aside=nullcontext)
    if model is None:
        raise Invalid("no model is configured: set PLUMBLINE_MODEL__BASE_URL and PLUMBLINE_MODEL__NAME")
    return model


def _checkpoints(settings: Settings, store: Store) -> Any:
    """Open the checkpoint store: beside the database on SQLite, inside it on PostgreSQL.

    A checkpoint is data and must never name code to import: strict mode is asserted, not assumed.
    """
    os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
    os.environ["LANGSMITH_TRACING"] = "false"
    if store.database.is_sqlite:
        from langgraph.checkpoint.sqlite import SqliteSaver

        path = settings.data_dir / "checkpoints.db"
        saver: Any = SqliteSaver(sqlite3.connect(path, check_same_thread=False, timeout=10))
    else:
        from langgraph.checkpoint.postgres import PostgresSaver
        from psycopg_pool import ConnectionPool

        url = store.database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        pool: Any = ConnectionPool(url, kwargs={"autocommit": True, "prepare_threshold": 0}, max_size=4, open=True)
        saver = PostgresSaver(pool)
    saver.setup()
    return saver


def build_executor(settings: Settings, own: ExecutorSettings) -> Any:
    """Build the executor over the database of `settings`, with the write access of `own`."""
    from app.executor import Executor
    from app.looks import Looks
    from app.targets import build_target

    if not own.targets:
        raise Invalid("the executor has nothing it may write to: name its file in PLUMBLINE_EXECUTOR_CONFIG")
    store = open_store(settings)
    environments = {e.name: e for e in settings.environments}
    targets: dict[str, list[Any]] = defaultdict(list)
    for target in own.targets:
        if target.environment not in environments:
            raise NotFound(f"the executor's file names an unknown environment {target.environment!r}")
        targets[target.environment].append(build_target(target, environments[target.environment]))
    return Executor(
        proposals=store.proposals,
        incidents=store.incidents,
        looks=Looks(store.database, store.jobs),
        targets=targets,
        poll_s=own.poll_s,
    )


def verify_audit(data_dir: Path | None) -> Object:
    """Check the audit log of an installation on this machine.

    Raises:
        NotFound: there is no installation in that directory.
    """
    store = open_store(_installed(data_dir))
    report = store.audit.verify()
    return {
        "ok": report.ok,
        "entries": report.entries,
        "first_bad": report.first_bad,
        "problem": report.problem,
    }


def add_user(name: str, role: str, data_dir: Path | None) -> Object:
    """Add a person to an installation on this machine, and return their access token."""
    if role not in list(Role):
        raise Invalid(f"there is no role {role!r}; the roles are {', '.join(Role)}")
    store = open_store(load_settings(**({"data_dir": data_dir} if data_dir else {})))
    user = store.users.create(name, Role(role), PrincipalKind.HUMAN)
    return {"name": user.name, "role": user.role.value, "token": store.users.issue_token(user)}


def now() -> datetime:
    """The present, UTC."""
    return datetime.now(UTC)


def _installed(data_dir: Path | None) -> Settings:
    places: Sequence[Path] = [data_dir] if data_dir else [load_settings().data_dir, Path(".demo")]
    for place in places:
        if (place / "keys.json").is_file():
            return load_settings(data_dir=place)
    tried = " or ".join(repr(str(place)) for place in places)
    raise NotFound(f"no Plumbline was ever started in {tried}: name its directory with --data-dir")


def _sender_secrets(settings: Settings) -> SenderSecrets:
    hooks = settings.webhooks
    return SenderSecrets(
        pagerduty=tuple(s.get_secret_value() for s in hooks.pagerduty_secrets),
        opsgenie=tuple(s.get_secret_value() for s in hooks.opsgenie_secrets),
        alertmanager=tuple(s.get_secret_value() for s in hooks.alertmanager_secrets),
        github=tuple(s.get_secret_value() for s in hooks.github_secrets),
        gitlab=tuple(s.get_secret_value() for s in hooks.gitlab_secrets),
        argocd=tuple(s.get_secret_value() for s in hooks.argocd_secrets),
        change_keys=tuple(s.get_secret_value() for s in hooks.change_keys),
    )
