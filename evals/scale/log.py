"""A log of any number of recorded changes, and the question why one field is as it is."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import cache, partial

from evals.scale.estate import Estate, declared, uid_of
from evals.scale.ingest import ENVIRONMENT
from evals.scale.ports import Graphs
from evals.scale.timing import Times, stopwatch
from graph.change import Actor, ActorType, Change
from graph.document import Object
from graph.explanation import explain
from graph.lookup import find
from graph.questions import changes_of

DEPLOYERS = frozenset({"argocd"})
_AT_ONCE = 5_000
_FIELDS = (
    ("Deployment", "/spec/template/spec/containers/0/image"),
    ("Deployment", "/spec/replicas"),
    ("ConfigMap", "/data/TIMEOUT"),
    ("Service", "/spec/ports/0/targetPort"),
)
_PEOPLE = (("argocd", ActorType.AUTOMATION), ("alma", ActorType.HUMAN), ("tuner", ActorType.AUTOMATION))


def events(estate: Estate, count: int, end: datetime, seed: int = 1) -> Iterator[Change]:
    """Yield records of changes over the year before `end` (UTC), oldest first; one in twenty is a deployment run."""
    chosen = random.Random(seed)  # noqa: S311  (a sample, not a secret)
    for number in range(count):
        at = end - timedelta(days=365) * (1 - number / count)
        kind, path = chosen.choice(_FIELDS)
        name, type_ = chosen.choice(_PEOPLE)
        app = chosen.randrange(estate.apps)
        is_run = number % 20 == 0
        yield Change(
            id=_id(number),
            uid="" if is_run else _uid(app, kind),
            kind="deploy" if is_run else "config",
            path="" if is_run else path,
            after=None if is_run else f"value-{number}",
            earliest=at,
            latest=at,
            actor=Actor(name=name, type=type_),
            source="audit",
            reference=f"audit-{number}",
            run=f"run-{number}" if is_run else "",
        )


def fill_log(graphs: Graphs, estate: Estate, count: int, end: datetime) -> dict[str, float]:
    """Store a log, some thousand records at once; one that an earlier run has stored stays as it is."""
    figures: dict[str, float] = {"events": count}
    part: list[Change] = []
    stored = graphs.load(ENVIRONMENT).changes()
    if stored and stored[-1].id == _id(count - 1):
        return figures
    with stopwatch(figures, "log_stored"):
        for change in events(estate, count, end):
            part.append(change)
            if len(part) == _AT_ONCE:
                graphs.record_changes(ENVIRONMENT, part)
                part = []
        graphs.record_changes(ENVIRONMENT, part)
    return figures


def questions(estate: Estate, count: int, seed: int = 2) -> list[str]:
    """Return questions about fields, as a person would write them."""
    chosen = random.Random(seed)  # noqa: S311  (a sample, not a secret)
    found = []
    for _ in range(count):
        kind, path = chosen.choice(_FIELDS)
        body = _object(chosen.randrange(estate.apps), kind)
        found.append(f"{body['metadata']['namespace']}/{kind}/{body['metadata']['name']}#{path}")
    return found


def measure_why(graphs: Graphs, asked: list[str], start: datetime, end: datetime) -> dict[str, float]:
    """Measure the answer to why a field is as it is, its history, and the state at random times."""
    graphs.load(ENVIRONMENT)
    why = Times()
    history = Times()
    past = Times()
    chosen = random.Random(3)  # noqa: S311  (a sample, not a secret)
    for question in asked:
        why.of(partial(_why, graphs, question, None))
        history.of(partial(_history, graphs, question))
    for question in asked[: max(3, len(asked) // 5)]:
        at = start + (end - start) * chosen.random()
        past.of(partial(_why, graphs, question, at))
    return why.told("why") | history.told("history") | past.told("why_at_random_time")


def measure_answers(ask: Callable[[str], object], asked: list[str], name: str) -> dict[str, float]:
    """Measure something that answers the same questions from outside."""
    ask(asked[0])
    times = Times()
    for question in asked:
        times.of(partial(ask, question))
    return times.told(name)


@cache
def _uid(app: int, kind: str) -> str:
    return uid_of(_object(app, kind))


def _id(number: int) -> str:
    return f"event-{number}"


def _why(graphs: Graphs, question: str, at: datetime | None) -> None:
    name, _, path = question.partition("#")
    graph = graphs.load(ENVIRONMENT, as_of=at)
    found = explain(graph, find(graph, name), path, deployers=DEPLOYERS)
    if not found.changes:
        raise RuntimeError(f"no change explains {question}")


def _history(graphs: Graphs, question: str) -> None:
    name, _, path = question.partition("#")
    graph = graphs.load(ENVIRONMENT)
    changes_of(graph, find(graph, name).uid, path, deployers=DEPLOYERS, limit=20)


def _object(app: int, kind: str) -> Object:
    return next(b for b in declared(app) if b["kind"] == kind)
