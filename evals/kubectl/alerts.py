"""Anomalies as a monitoring's summary states them: a level before, a level now."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from evals.kubectl.recording import CLUSTER, Recording
from graph.diagnosis.mechanisms.gateways import CLIENT_ERROR
from graph.evidence import ObservationKind, SymptomEvent
from graph.resource import kubernetes_uid
from graph.telemetry import Anomaly, Signal

_LEVELS = re.compile(
    r"(?:(?P<metric>[\w -]+): )?Normal=(?P<usual>-?[\d.]+)\s*(?P<unit>[^\s\d]*)\s*(?:\w+ )?"
    r"-> Cur(?:rent)?=(?P<now>-?[\d.]+)"
)
_VALUE = re.compile(r"Val: (?P<now>[\d.]+)(?P<unit>\w*)")
_SIGNALS = {
    "LATENCY_DEGRADATION": Signal.LATENCY,
    "ERROR_SPIKE": Signal.AVAILABILITY,
    "THROUGHPUT_DROP": Signal.TRAFFIC,
    "TRAFFIC_ANOMALY": Signal.TRAFFIC,
}


def client_errors(answer: Any, recording: Recording) -> Iterator[SymptomEvent]:
    """Yield what clients got back, from alerts `{entry_service, request_method, url, raw_error, occurrences}`."""
    for alert in _alerts(answer):
        if alert.get("entry_service") and alert.get("raw_error"):
            yield SymptomEvent(
                kind=ObservationKind.EVENT,
                resource=recording.workload(str(alert["entry_service"])),
                at=recording.now,
                text=f"{alert.get('request_method', '')} {alert.get('url', '')}: {alert['raw_error']}",
                reason=CLIENT_ERROR,
                count=int(alert.get("occurrences") or 1),
            )


def _alerts(answer: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(answer, str):
        answer = json.loads(answer or "{}")
    for alert in (answer or {}).get("alerts") or ():
        if isinstance(alert, Mapping):
            yield alert


def anomalies(answer: Any, recording: Recording) -> Iterator[Anomaly]:
    """Yield the anomalies of a summary `{alerts: [{type, name, evidence: [text]}]}`; other alerts carry no levels."""
    for alert in _alerts(answer):
        if alert.get("name"):
            uid = _resource(alert, recording)
            for text in alert.get("evidence") or ():
                yield from _read(uid, str(text))


def _resource(alert: Mapping[str, Any], recording: Recording) -> str:
    if alert.get("type") == "Node":
        return kubernetes_uid(cluster=CLUSTER, group="", kind="Node", namespace=None, name=str(alert["name"]))
    return recording.workload(str(alert["name"]))


def _read(uid: str, text: str) -> Iterator[Anomaly]:
    """Read `CATEGORY [title] | metric: Normal=1ms -> Current=9ms (...) | ...`."""
    category, _, rest = text.partition(" ")
    title = text.partition("[")[2].partition("]")[0]
    signal = _SIGNALS.get(category) or _of_title(title)
    for part in rest.split("|")[1:]:
        found = _LEVELS.search(part) or _VALUE.search(part)
        if found:
            groups = found.groupdict()
            usual = float(groups["usual"]) if groups.get("usual") else None
            yield Anomaly(
                resource=uid,
                signal=signal,
                metric=(groups.get("metric") or title).strip(),
                usual=usual,
                now=float(groups["now"]),
                unit=groups.get("unit") or "",
                text=f"{category} [{title}]{part}",
            )


def _of_title(title: str) -> Signal:
    low = title.lower()
    if "cpu" in low:
        return Signal.CPU
    if "mem" in low:
        return Signal.MEMORY
    return Signal.SATURATION if "disk" in low or "connection" in low else Signal.OTHER
