"""Root Cause Bench: which commit, or none. The text of `instruction.md` is not read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from agents.model import Model
from evals.suite import Prediction
from evals.suites.files import read_object, read_rows
from evals.suites.said import SPAN, read_form, read_lines_beside, read_spans, with_examples
from evals.suites.tables import read_series, seconds, time
from evals.world import World, alert_of, commented, diagnosed, environment, service, uid_of
from graph.change import Change
from graph.diagnosis.result import ChangeVerdict, Remedy
from graph.resource import display_uid
from graph.telemetry import LogLine, Notice, Telemetry

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
_DEPLOY = ("service", "timestamp", "commit_sha")
_FLAG = ("flag", "service", "timestamp")


class _Suite:
    def load(self, folder: Path, labels: Mapping[str, Any]) -> World:  # noqa: ARG002  (answers are commit ids)
        data = folder / "workdir" / "data"
        about = read_object(data / "alert.json", needs=("service", "metric", "fired_at"))
        telemetry = Telemetry(
            series=tuple(read_series(data / "metrics.csv")),
            logs=tuple(_lines(data)),
            spans=tuple(read_spans(read_rows(data / "traces.json", "traces", needs=SPAN), uid_of)),
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
        judged = found.change
        is_open = judged is None or judged.is_open
        name = judged.guilty.version if judged and judged.guilty else "none"
        return {
            "abstained": is_open,
            "change": None if is_open else name,
            "first_failing": display_uid(found.first_failing),
            "blast_radius": sorted(display_uid(uid) for uid in found.suffering),
            "remediation": _REMEDIES[found.remedy or Remedy.ESCALATE_OUTSIDE],
            "ranked": _ranked(judged, name),
            "note": found.summary,
            **commented(found, model),
        }


SUITE = _Suite()


def _ranked(judged: ChangeVerdict | None, name: str) -> list[dict[str, Any]]:
    """The answer, or where it is open the suspects, most guilty first."""
    if judged is None or judged.is_open:
        suspects = judged.suspects[:_SHORTLIST] if judged else ()
        return [{"entity": s.change.version, "score": s.confidence} for s in suspects]
    return [{"entity": name, "score": judged.confidence}]


_SHORTLIST = 3


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


def _lines(data: Path) -> list[LogLine]:
    rows = read_rows(data / "patterns.json", "patterns", needs=("service", "signature"))
    forms = [read_form(row, uid_of) for row in rows]
    path = data / "logs.ndjson"
    # When a form began is not told here, so when a single line was said would weigh more than it should.
    single = (replace(line, at=None) for line in read_lines_beside(path, forms, uid_of, quiet=True))
    return [*with_examples(path, forms, uid_of), *single]


def _notices(path: Path) -> Iterator[Notice]:
    found = read_object(path)
    provider = str(found.get("component") or found.get("source") or "status page")
    for event in found.get("events") or ():
        at = event.get("timestamp")
        text = f"{event.get('status')}: {event.get('detail')}"
        yield Notice(provider=provider, at=seconds(at) if at else None, text=text)
