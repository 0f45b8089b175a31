"""A case as one file of JSON: everything that a world holds, so that it can be carried away and asked again."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from evals.world import World
from graph.change import Change
from graph.codec import decode, encode
from graph.document import Json
from graph.environment import EnvironmentGraph, SourceState
from graph.errors import Invalid
from graph.evidence import Gap, SymptomEvent
from graph.held import held
from graph.incident import Alert, OpenIncident
from graph.relation import Relation
from graph.resource import Facet
from graph.telemetry import Anomaly, Call, Check, LogLine, Notice, Series, Signal, Span, Telemetry
from graph.version import Unreadable, Version

FILE = "world.json.gz"
_T = TypeVar("_T")


def write_world(world: World, folder: Path) -> Path:
    """Write a world into the folder of its case; return the file."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_encoded(world), sort_keys=True, separators=(",", ":"))
    path = folder / FILE
    # Without a time in its head the same world gives the same bytes.
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


def write_case(world: World, data: Path, case: str) -> Path:
    """Write a world as a case of a set; return the file."""
    return write_world(world, data / "cases" / case)


def read_world(folder: Path) -> World:
    """Read the world of a case.

    Raises:
        Invalid: there is none, or it is not one.
    """
    path = folder / FILE
    try:
        data = json.loads(gzip.decompress(path.read_bytes()))
        return _decoded(data)
    except FileNotFoundError as error:
        raise Invalid("the case has no world", where=str(path)) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Invalid(f"this is no world: {error}", where=str(path)) from error


def _encoded(world: World) -> dict[str, Json]:
    graph = held(world.graph)
    uids = {r.uid: None for r in (*graph, *graph.remembered())}
    speakers = {*uids, *(c.uid for c in graph.changes()), *(e for r in graph.relations for e in (r.source, r.target))}
    return {
        "name": graph.name,
        "as_of": encode(graph.as_of),
        "versions": [encode(v) for r in graph for f in Facet if (v := graph.version(r.uid, f)) is not None],
        "history": [encode(v) for uid in uids for f in Facet for v in graph.history(uid, f)],
        "relations": encode(graph.relations),
        "changes": encode(tuple(graph.changes())),
        "symptoms": [encode(s) for uid in sorted(speakers) for s in graph.symptoms(uid)],
        "unreadable": encode(graph.unreadable),
        "sources": encode(graph.sources),
        "alerts": encode(world.alerts),
        "open_incidents": encode(world.open_incidents),
        "deployers": sorted(world.deployers),
        "is_declared": world.is_declared,
        "gaps": encode(world.gaps),
        "telemetry": _measured(world.telemetry),
    }


def _measured(telemetry: Telemetry) -> dict[str, Json]:
    parts = ("logs", "spans", "calls", "checks", "anomalies", "notices")
    return {"series": [_series_out(s) for s in telemetry.series]} | {p: encode(getattr(telemetry, p)) for p in parts}


def _series_out(series: Series) -> dict[str, Json]:
    values = [None if np.isnan(v) else float(v) for v in series.values]
    return {
        "resource": series.resource,
        "metric": series.metric,
        "signal": series.signal.value,
        "unit": series.unit,
        "statistic": series.statistic,
        "peer": series.peer,
        "instance": series.instance,
        "is_outgoing": series.is_outgoing,
        "times": [float(t) for t in series.times],
        "values": values,
    }


def _decoded(data: Mapping[str, Any]) -> World:
    graph = EnvironmentGraph(
        name=data["name"],
        as_of=datetime.fromisoformat(data["as_of"]),
        versions=_many(Version, data["versions"]),
        history=_many(Version, data["history"]),
        relations=_many(Relation, data["relations"]),
        changes=_many(Change, data["changes"]),
        symptoms=_many(SymptomEvent, data["symptoms"]),
        unreadable=_many(Unreadable, data["unreadable"]),
        sources=_many(SourceState, data["sources"]),
    )
    found = data["telemetry"]
    return World(
        graph=graph,
        alerts=_many(Alert, data["alerts"]),
        open_incidents=_many(OpenIncident, data["open_incidents"]),
        deployers=frozenset(data["deployers"]),
        is_declared=bool(data["is_declared"]),
        gaps=_many(Gap, data["gaps"]),
        telemetry=Telemetry(
            series=tuple(_series_in(s) for s in found["series"]),
            logs=_many(LogLine, found["logs"]),
            spans=_many(Span, found["spans"]),
            calls=_many(Call, found["calls"]),
            checks=_many(Check, found["checks"]),
            anomalies=_many(Anomaly, found["anomalies"]),
            notices=_many(Notice, found["notices"]),
        ),
    )


def _series_in(data: Mapping[str, Any]) -> Series:
    values = [np.nan if v is None else v for v in data["values"]]
    texts = {key: data[key] for key in ("resource", "metric", "unit", "statistic", "peer", "instance")}
    return Series(
        signal=Signal(data["signal"]),
        times=np.array(data["times"]),
        values=np.array(values, dtype=float),
        is_outgoing=bool(data.get("is_outgoing")),
        **texts,
    )


def _many(kind: type[_T], data: list[Json]) -> tuple[_T, ...]:
    return tuple(decode(kind, one) for one in data)
