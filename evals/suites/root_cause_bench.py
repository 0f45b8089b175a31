"""Root Cause Bench: which commit, or none. The text of `instruction.md` is not read."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from agents.model import Model
from evals.suite import Prediction
from evals.suites.files import read_lines, read_object, read_rows
from evals.suites.tables import read_series, seconds, time
from evals.world import World, alert_of, commented, diagnosed, environment, service, uid_of
from graph.change import Change
from graph.diagnosis.result import Remedy
from graph.resource import display_uid
from graph.telemetry import LogLine, Mood, Notice, Span, Telemetry

_MOODS = {"negative": Mood.BAD, "neutral": Mood.NEUTRAL, "positive": Mood.GOOD}
_REMEDIES = {
    Remedy.ROLL_BACK: "rollback",
    Remedy.ROLL_FORWARD: "roll-forward",
    Remedy.REVERT_CONFIGURATION: "config-revert",
    Remedy.RESTORE_DECLARED: "config-revert",
    Remedy.REPAIR: "fix-infrastructure",
    Remedy.TURN_FLAG_OFF: "feature-flag-disable",
    Remedy.SCALE: "scale",
    Remedy.FAIL_OVER: "failover",
    Remedy.ROTATE_CREDENTIAL: "rotate-cert",
    Remedy.REMOVE_BAD_DATA: "purge-bad-data",
    Remedy.ESCALATE_OUTSIDE: "escalate-upstream",
}
_SPAN = ("trace_id", "span_id", "service", "name", "start", "duration_ms")
_DEPLOY = ("service", "timestamp", "commit_sha")
_FLAG = ("flag", "service", "timestamp")


class _Suite:
    def load(self, folder: Path, labels: Mapping[str, Any]) -> World:  # noqa: ARG002  (answers are commit ids)
        data = folder / "workdir" / "data"
        about = read_object(data / "alert.json", needs=("service", "metric", "fired_at"))
        telemetry = Telemetry(
            series=tuple(read_series(data / "metrics.csv")),
            logs=tuple(_lines(data)),
            spans=tuple(_spans(read_rows(data / "traces.json", "traces", needs=_SPAN))),
            notices=tuple(_notices(data / "status_feed.json")),
        )
        commits = [
            _commit(c) for c in read_rows(data / "context" / "commits.json", "commits", needs=("sha", "timestamp"))
        ]
        deploys = [_deploy(d) for d in read_rows(data / "context" / "deploys.json", "deploys", needs=_DEPLOY)]
        flags = [_flag(f) for f in read_rows(data / "context" / "flags.json", "changes", needs=_FLAG)]
        speakers = {s.resource for s in telemetry.series} | {line.resource for line in telemetry.logs}
        known = {uid_of(about["service"]), *speakers, *(d.uid for d in deploys)}
        graph = environment(
            now=time(about["fired_at"]),
            actual=[service(display_uid(uid)) for uid in sorted(known)],
            changes=[*commits, *deploys, *flags],
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
        change = found.change.guilty if found.change else None
        name = change.version if change else "none"
        return {
            "change": name,
            "first_failing": display_uid(found.first_failing),
            "blast_radius": sorted(display_uid(uid) for uid in found.suffering),
            "remediation": _REMEDIES[found.remedy or Remedy.ESCALATE_OUTSIDE],
            "ranked": [{"entity": name, "score": found.change.confidence if found.change else 0.0}],
            "note": found.summary,
            **commented(found, model),
        }


SUITE = _Suite()


def _commit(commit: Mapping[str, Any]) -> Change:
    return Change(
        id=f"commit:{commit['sha']}",
        uid="",
        kind="commit",
        latest=time(commit["timestamp"]),
        earliest=time(commit["timestamp"]),
        summary=str(commit.get("message") or ""),
        reference=commit["sha"],
        files=tuple(map(str, commit.get("files_changed") or ())),
        diff=str(commit.get("diff") or ""),
    )


def _deploy(deploy: Mapping[str, Any]) -> Change:
    return Change(
        id=f"deploy:{deploy['service']}:{deploy['timestamp']}",
        uid=uid_of(deploy["service"]),
        kind="deploy",
        latest=time(deploy["timestamp"]),
        earliest=time(deploy["timestamp"]),
        reference=deploy["commit_sha"],
    )


def _flag(flag: Mapping[str, Any]) -> Change:
    return Change(
        id=f"flag:{flag['flag']}:{flag['timestamp']}",
        uid=uid_of(flag["service"]),
        kind="feature_flag",
        latest=time(flag["timestamp"]),
        earliest=time(flag["timestamp"]),
        summary=f"{flag['flag']}: {flag.get('change')}",
    )


def _spans(rows: Iterable[Mapping[str, Any]]) -> Iterator[Span]:
    """Spans; the trace `same` is that of the span before."""
    trace = ""
    for row in rows:
        trace = trace if row["trace_id"] == "same" else str(row["trace_id"])
        said = {**(row.get("attributes") or {}), "error": row.get("error")}
        yield Span(
            trace=trace,
            id=str(row["span_id"]),
            parent=str(row.get("parent_id") or ""),
            resource=uid_of(row["service"]),
            name=str(row["name"]),
            start=seconds(row["start"]),
            duration_s=float(row["duration_ms"]) / 1000,
            is_error=row.get("status") == "ERROR",
            attributes={str(k): str(v) for k, v in said.items() if v is not None},
        )


def _lines(data: Path) -> Iterator[LogLine]:
    """The forms of lines that the case lists, then single lines of no such form that warn or tell of an error."""
    forms = [_line(p) for p in read_rows(data / "patterns.json", "patterns", needs=("service", "signature"))]
    yield from forms
    rows = [r for r in read_lines(data / "logs.ndjson") if r.get("service") and r.get("msg")]
    times = [seconds(r["timestamp"]) for r in rows if r.get("timestamp")]
    middle = (min(times) + max(times)) / 2 if times else 0.0
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        if str(row.get("severity_text")).lower() in _BAD:
            found[row["service"], _NUMBER.sub("0", str(row["msg"]))].append(row)
    for (name, text), mine in found.items():
        if any(f.resource == uid_of(name) and _is_of(text, f.text) for f in forms):
            continue
        before = sum(seconds(r["timestamp"]) < middle for r in mine if r.get("timestamp"))
        yield LogLine(
            resource=uid_of(name),
            at=None,
            severity=str(mine[0]["severity_text"]).lower(),
            text=str(mine[-1]["msg"]),
            count=len(mine),
            baseline=float(before),
        )


def _is_of(text: str, form: str) -> bool:
    """Whether a line is of a form: most words of the shorter of the two are in both."""
    mine, its = (set(_WORD.findall(t.lower())) for t in (text, form))
    return len(mine & its) >= _ALIKE * min(len(mine), len(its))


_BAD = frozenset({"warn", "warning", "error", "fatal", "critical"})
_NUMBER = re.compile(r"\d[\da-fx]*")
_WORD = re.compile(r"[A-Za-z]{3,}")
_ALIKE = 0.6
"""Share of words that a line of a form has in common with it."""


def _line(pattern: Mapping[str, Any]) -> LogLine:
    """A form of line; what it says to be new, and not by how much, was not there before."""
    count = int(pattern.get("count") or 0)
    told = str(pattern.get("delta_vs_baseline") or "0").replace("+", "")
    more = float(told) if re.fullmatch(r"-?\d+(\.\d+)?", told) else count
    return LogLine(
        resource=uid_of(pattern["service"]),
        at=None,
        severity="",
        text=str(pattern["signature"]),
        count=count,
        baseline=max(0.0, count - more),
        mood=_MOODS.get(str(pattern.get("sentiment"))),
    )


def _notices(path: Path) -> Iterator[Notice]:
    found = read_object(path)
    provider = str(found.get("component") or found.get("source") or "status page")
    for event in found.get("events") or ():
        at = event.get("timestamp")
        text = f"{event.get('status')}: {event.get('detail')}"
        yield Notice(provider=provider, at=seconds(at) if at else None, text=text)
