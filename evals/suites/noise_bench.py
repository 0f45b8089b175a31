"""NoiseBench: which pages deserve a person. The text of `instruction.md` is not read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from agents.model import Model
from evals.suite import Prediction
from evals.suites.files import exists, read_rows
from evals.suites.tables import read_series, time
from evals.world import World, alert_of, environment, service, triaged, uid_of
from graph.errors import Invalid
from graph.incident import Alert, OpenIncident
from graph.resource import display_uid
from graph.telemetry import LogLine, Mood, Telemetry
from graph.triage import PAGE_FROM

_MOODS = {"negative": Mood.BAD, "neutral": Mood.NEUTRAL, "positive": Mood.GOOD}
_PAGE = ("id", "service", "metric", "fired_at", "value", "threshold")
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class _Suite:
    def load(self, folder: Path, labels: Mapping[str, Any]) -> World:  # noqa: ARG002  (the decisions are fixed)
        data = folder / "workdir"
        if not exists(data / "pages.json"):
            raise Invalid(
                "the file is missing; without pages there is nothing to decide", where=str(data / "pages.json")
            )
        alerts = tuple(_alert(p) for p in read_rows(data / "pages.json", "pages", needs=_PAGE))
        incidents = tuple(_incident(i) for i in read_rows(data / "incidents_open.json", "incidents"))
        telemetry = Telemetry(
            series=tuple(read_series(data / "metrics.csv")),
            logs=tuple(_line(p) for p in read_rows(data / "patterns.json", "patterns", needs=("pattern_id",))),
        )
        known = {uid_of(a.service) for a in alerts} | {uid for i in incidents for uid in i.subjects}
        graph = environment(
            now=max((a.started_at for a in alerts), default=_LONG_AGO),
            actual=[service(display_uid(uid)) for uid in sorted(known)],
        )
        return World(graph=graph, alerts=alerts, telemetry=telemetry, open_incidents=incidents)

    def answer(self, case: World, model: Model | None) -> Prediction:  # noqa: ARG002  (the triage needs none)
        decisions = triaged(case)
        told = [d.alert for d in decisions if d.is_page]
        pages = {d.alert: "page" if d.is_page else "suppress" for d in decisions}
        # The least clear decision tells how sure the whole batch is.
        clear = min((abs(d.points - PAGE_FROM) for d in decisions if not d.same_as), default=0.0)
        ranked = [{"entity": "batch", "score": round(min(0.9, 0.5 + 0.2 * clear), 2)}]
        return {"pages": pages, "ranked": ranked, "note": f"{len(told)} of {len(decisions)} wake a person"}


SUITE = _Suite()


def _alert(page: Mapping[str, Any]) -> Alert:
    at, cleared_s = time(page["fired_at"]), page.get("auto_resolved_after_s")
    return alert_of(
        key=page["id"],
        title=page["metric"],
        severity=str(page.get("severity") or ""),
        at=at,
        ended_at=None if cleared_s is None else at + timedelta(seconds=cleared_s),
        labels={"service": page["service"]},
        metric=page["metric"],
        value=float(page["value"]),
        threshold=float(page["threshold"]),
        form=str(page.get("related_pattern") or ""),
        firings=int(page.get("fired_count_last_1h") or 1),
    )


def _line(pattern: Mapping[str, Any]) -> LogLine:
    count, growth = int(pattern.get("count") or 0), float(pattern.get("delta_vs_baseline_pct") or 0) / 100
    return LogLine(
        resource="",
        at=None,
        severity="",
        text=str(pattern.get("signature") or ""),
        count=count,
        baseline=count / (1 + growth) if growth > -1 else None,
        form=pattern["pattern_id"],
        mood=_MOODS.get(str(pattern.get("sentiment"))),
    )


def _incident(incident: Mapping[str, Any]) -> OpenIncident:
    places = {str(incident.get("service") or ""), *map(str, incident.get("scope") or ())} - {""}
    metric = str(incident.get("metric") or "")
    return OpenIncident(
        id=str(incident.get("incident_id") or ""),
        title=str(incident.get("title") or ""),
        subjects=tuple(sorted(uid_of(place) for place in places)),
        opened_at=time(incident["opened_at"]) if incident.get("opened_at") else _LONG_AGO,
        resolved_at=time(incident["window_end"]) if incident.get("window_end") else None,
        metric="" if metric == "*" else metric,
        form=str(incident.get("related_pattern") or ""),
    )
