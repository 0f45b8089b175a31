"""Blast Radius Bench: where it began, and how it spread. Notes of the authors and `instruction.md` are not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from agents.model import Model
from evals.suite import Prediction
from evals.suites.files import read_object, read_rows, read_table
from evals.suites.said import read_form, read_lines_beside
from evals.suites.tables import read_series, seconds, time
from evals.world import World, alert_of, commented, diagnosed, environment, service, uid_of
from graph.change import Change
from graph.relation import Relation, RelationType
from graph.resource import display_uid
from graph.telemetry import LogLine, Telemetry


class _Suite:
    def load(self, folder: Path, labels: Mapping[str, Any]) -> World:  # noqa: ARG002  (names are those of the case)
        data = folder / "workdir"
        about = read_object(data / "alert.json", needs=("service", "metric", "fired_at"))
        names = _names(data)
        relations = sorted(
            set(_relations(read_object(data / "service_map.json"), names)), key=lambda r: (r.source, r.target, r.type)
        )
        telemetry = Telemetry(series=tuple(read_series(data / "metrics.csv")), logs=tuple(_logs(data, names)))
        speakers = [*(s.resource for s in telemetry.series), *(line.resource for line in telemetry.logs)]
        known = {uid_of(about["service"]), *speakers, *(u for r in relations for u in (r.source, r.target))}
        graph = environment(
            now=time(about["fired_at"]),
            actual=[service(display_uid(uid)) for uid in sorted(known)],
            relations=relations,
            changes=list(_deploys(data)),
        )
        alert = alert_of(
            title=str(about.get("summary") or about["metric"]),
            at=time(about["fired_at"]),
            labels={"service": about["service"]},
            metric=about["metric"],
        )
        return World(graph=graph, alerts=(alert,), telemetry=telemetry)

    def answer(self, case: World, model: Model | None) -> Prediction:
        found = diagnosed(case)
        if not found.accounts or not found.causes:
            return {"abstained": True, "note": found.summary, **commented(found, model)}
        first, cause = found.accounts[0], found.causes[0]
        return {
            "origin": display_uid(first.origin),
            "propagation": [{"from": display_uid(s.source), "to": display_uid(s.target)} for s in first.steps],
            "blast_radius": [display_uid(uid) for uid in first.victims],
            "ranked": [{"entity": display_uid(cause.resource), "score": cause.confidence}],
            "note": found.summary,
            **commented(found, model),
        }


SUITE = _Suite()


_PLACES = frozenset({"node", "nodes", "host", "zone", "availability_zone"})
"""Fields of a service that say where it runs; every other one that is no word about it names something it uses."""
_WORDS = frozenset(
    {"name", "namespace", "note", "kind", "type", "team", "tier", "owner", "language", "version", "description"}
)


def _measured(name: str, names: Mapping[str, str]) -> str | None:
    """The name under which something was measured, if it was."""
    return names.get(name.rpartition(":")[2]) or names.get(_bare(name))


def _bare(name: str) -> str:
    """The name without its prefix and domain, under which it is called elsewhere."""
    return name.rpartition(":")[2].partition(".")[0]


def _names(data: Path) -> dict[str, str]:
    """Map the bare name of each thing that was measured to the name under which it was."""
    measured = {row["service"] for row in read_table(data / "metrics.csv", needs=("service",))}
    short = {_bare(name): name for name in sorted(measured)}
    return short | {name.rpartition(":")[2]: name for name in sorted(measured)}


def _relations(found: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Relation]:
    for edge in found.get("edges") or ():
        yield _relation(edge["from"], edge["to"], RelationType.CALLS)
    for one in found.get("services") or ():
        if not isinstance(one, Mapping):
            continue
        for field, value in one.items():
            if value is True:
                # A flag: what carries its name before the colon serves all that have it.
                for name in sorted({n for n in names.values() if n.partition(":")[0] == field}):
                    yield _relation(one["name"], name, RelationType.CONNECTS_TO)
            for text in _texts(value):
                if field in _PLACES:
                    yield _relation(one["name"], _node(text, names), RelationType.RUNS_ON)
                elif field not in _WORDS and text not in ("", "*"):
                    yield _relation(one["name"], _measured(text, names) or text, RelationType.CONNECTS_TO)


def _texts(value: object) -> Iterator[str]:
    """The texts in a field, which may be a list of them or map something to each."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _texts(inner)


def _relation(source: str, target: str, kind: RelationType) -> Relation:
    return Relation(source=uid_of(source), target=uid_of(target), type=kind, via="service map")


def _node(name: str, names: Mapping[str, str]) -> str:
    return _measured(name, names) or f"node:{_bare(name)}"


def _logs(data: Path, names: Mapping[str, str]) -> Iterator[LogLine]:
    def owner_of(name: str) -> str:
        return uid_of(_measured(name, names) or name)

    rows = read_rows(data / "patterns.json", "patterns", needs=("service",))
    forms = [read_form(row, owner_of) for row in rows]
    yield from forms
    yield from read_lines_beside(data / "logs.ndjson", forms, owner_of)
    for event in _events(data):
        kind, _, name = str(event.get("object") or "").partition("/")
        if kind == "node" and event.get("type") != "Deployment":
            text = f"{event.get('reason')} {event.get('message')}"
            owner = uid_of(_node(name, names))
            severity = "info" if event.get("type") == "Normal" else "error"
            yield LogLine(resource=owner, at=seconds(event["timestamp"]), severity=severity, text=text)
        elif kind == "pod" and event.get("type") == "Warning":
            owners = [n for n in names if name == n or name.startswith(f"{n}-")]
            if owners:
                owner, text = uid_of(names[max(owners, key=len)]), str(event.get("message"))
                yield LogLine(resource=owner, at=seconds(event["timestamp"]), severity="warning", text=text)


def _deploys(data: Path) -> Iterator[Change]:
    for event in _events(data):
        if event.get("type") == "Deployment":
            yield _deploy(str(event["object"]).partition("/")[2], event)
    for deploy in read_rows(data / "context" / "deploys.json", "deploys"):
        if deploy.get("service"):
            yield _deploy(deploy["service"], deploy)


def _deploy(name: str, about: Mapping[str, Any]) -> Change:
    at = time(about["timestamp"])
    return Change(
        id=f"deploy:{name}:{about['timestamp']}",
        uid=uid_of(name),
        kind="deploy",
        earliest=at,
        latest=at,
        reference=str(about.get("commit_sha") or ""),
    )


def _events(data: Path) -> list[dict[str, Any]]:
    return read_rows(data / "events.json", "events", needs=("timestamp",))
