"""A question costs what its answer needs, however large the environment is: statements and documents are counted."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from app.store import graph_documents
from app.store.database import Database
from app.store.graph import GraphStore
from evals.scale.estate import Estate, declared, document, live, uid_of
from evals.scale.ingest import ENVIRONMENT
from evals.scale.log import DEPLOYERS, events
from evals.scale.resident import fill
from graph.blast_radius import blast_radius, failing_seeds
from graph.drift import compare_graph, compare_part
from graph.explanation import explain
from graph.resource import Facet
from graph.surroundings import judged_with
from graph.version import Delta

NOW = datetime.now(UTC)
SMALL, LARGE = 26, 78
"""Applications; 25 share a namespace, and the questions are about one in a full namespace."""


class Cost:
    """What was asked of a database."""

    def __init__(self) -> None:
        self.statements: list[tuple[str, Any]] = []
        self.documents = 0

    def __repr__(self) -> str:
        return f"{len(self.statements)} statements, {self.documents} documents"


class Filled:
    """A store with an estate of some applications in it, and as many records of changes of each as in any other."""

    def __init__(self, path: Path, apps: int) -> None:
        self.database = Database(f"sqlite:///{path}")
        self.store = GraphStore(self.database)
        self.estate = Estate(objects=14 * apps)
        fill(self.store, self.estate, NOW - timedelta(hours=1))
        self.store.record_changes(ENVIRONMENT, list(events(self.estate, 20 * apps, NOW)))
        # What is found once for a view is found.
        graph = self.store.load(ENVIRONMENT)
        compare_graph(graph)
        blast_radius(graph, failing_seeds(graph, _uid("Service"), ""))

    @contextmanager
    def counted(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cost]:
        """Count what is asked."""
        cost, read = Cost(), graph_documents.documents_of

        def count(_connection: object, _cursor: object, statement: str, parameters: object, *_: object) -> None:
            cost.statements.append((statement, parameters))

        def documents_of(session: Any, ids: list[int]) -> Any:
            cost.documents += len(ids)
            return read(session, ids)

        event.listen(self.database.engine, "before_cursor_execute", count)
        with monkeypatch.context() as patch:
            patch.setattr(graph_documents, "documents_of", documents_of)
            yield cost
        event.remove(self.database.engine, "before_cursor_execute", count)


@pytest.fixture(scope="module")
def filled(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[int, Filled]]:
    """A small and a large store."""
    folder = tmp_path_factory.mktemp("costs")
    found = {}
    for apps in (SMALL, LARGE):
        shutil.copy(sqlite_template, folder / f"{apps}.db")
        found[apps] = Filled(folder / f"{apps}.db", apps)
    yield found
    for one in found.values():
        one.database.dispose()


def _uid(kind: str) -> str:
    return uid_of(next(b for b in declared(3) if b["kind"] == kind))


def _verdict(store: GraphStore) -> None:
    """One object changes, and is judged."""
    body = next(b for b in live(3) if b["kind"] == "Deployment")
    body["spec"]["replicas"] += 20
    told = document(body)
    delta = Delta(facet=Facet.ACTUAL, source="cluster:scale", at=datetime.now(UTC), documents=(told,))
    store.record_delta(ENVIRONMENT, delta, {told.resource.uid: store.load(ENVIRONMENT).outgoing(told.resource.uid)})
    graph = store.load(ENVIRONMENT)
    assert compare_part(graph, judged_with(graph, (told.resource.uid,))).findings


def _drift(store: GraphStore) -> None:
    """One object changes, and everything is asked for."""
    body = next(b for b in live(4) if b["kind"] == "Deployment")
    body["spec"]["replicas"] += 20
    delta = Delta(facet=Facet.ACTUAL, source="cluster:scale", at=datetime.now(UTC), documents=(document(body),))
    store.record_delta(ENVIRONMENT, delta, {})
    graph = store.load(ENVIRONMENT)
    assert uid_of(body) in {f.resource.uid for f in compare_graph(graph).findings}


def _blast(store: GraphStore) -> None:
    graph = store.load(ENVIRONMENT)
    assert blast_radius(graph, failing_seeds(graph, _uid("Service"), "")).affected


def _why(store: GraphStore) -> None:
    graph = store.load(ENVIRONMENT)
    found = explain(graph, graph.resource(_uid("ConfigMap")), "/data/TIMEOUT", deployers=DEPLOYERS)
    assert found.changes


def _past(store: GraphStore) -> None:
    graph = store.load(ENVIRONMENT, as_of=NOW - timedelta(minutes=1))
    found = explain(graph, graph.resource(_uid("ConfigMap")), "/data/TIMEOUT", deployers=DEPLOYERS)
    assert found.changes


@pytest.mark.parametrize(
    ("ask", "documents"),
    [(_verdict, 120), (_drift, 120), (_blast, 60), (_why, 120), (_past, 120)],
    ids=lambda a: getattr(a, "__name__", str(a)).strip("_"),
)
def test_a_question_costs_the_same_in_an_environment_of_any_size(
    filled: Mapping[int, Filled], monkeypatch: pytest.MonkeyPatch, ask: Callable[[GraphStore], None], documents: int
) -> None:
    """Neither statements nor documents grow with what is beside the answer."""
    costs = {}
    for apps, one in filled.items():
        ask(one.store)
        one.store._views._documents._kept.clear()
        with one.counted(monkeypatch) as costs[apps]:
            ask(one.store)
    assert costs[LARGE].documents <= max(costs[SMALL].documents, 1), costs
    assert costs[LARGE].documents <= documents, costs
    assert len(costs[LARGE].statements) <= len(costs[SMALL].statements) + 2, costs
    assert len(costs[LARGE].statements) <= 40, costs


@pytest.mark.parametrize("ask", [_verdict, _why, _past])
def test_no_question_looks_at_all_rows_of_a_table(
    filled: Mapping[int, Filled], monkeypatch: pytest.MonkeyPatch, ask: Callable[[GraphStore], None]
) -> None:
    """Every statement finds its rows by an index, down to the resource where it is about some."""
    one = filled[SMALL]
    with one.counted(monkeypatch) as cost:
        ask(one.store)
    selects = [(s, p) for s, p in cost.statements if s.startswith(("SELECT", "UPDATE", "DELETE"))]
    assert selects
    with one.database.engine.connect() as connection:
        for statement, parameters in selects:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            steps = [str(step[-1]) for step in plan]
            assert not any(s.startswith("SCAN") for s in steps), (statement, steps)
            for column in ("uid", "subject"):
                if f".{column} IN" in statement or f".{column} = ?" in statement:
                    assert any(f"{column}=?" in s for s in steps), (statement, steps)
