"""A Prometheus, or what speaks its HTTP API (Thanos, Mimir, VictoriaMetrics), as a store of metrics.

Two rounds: which series exist of the resources that are asked about (`/api/v1/series`), then one range query for each
metric whose meaning its name tells. Source of the wire format: https://prometheus.io/docs/prometheus/latest/querying/api/
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from graph.document import Json
from graph.errors import OutsideError, Unexpected
from graph.evidence import Gap
from graph.signals import FAILED, STATUS_LABELS, Form, Meaning, meaning
from graph.targets import (
    CALLEE_LABELS,
    NAME_LABELS,
    NAMESPACE_LABELS,
    PEER_LABELS,
    POD_LABELS,
    SIDE_LABELS,
    Targets,
    is_of_caller,
    plain_labels,
)
from graph.telemetry import Series, Signal
from tools.adapters.http_json import HttpJson
from tools.ports import Measured, Window

_MOST_METRICS = 48
_MOST_SERIES = 4000
_MOST_VALUES = 200
"""Bounds: metrics asked for, series looked through, and values of a label in one question."""
_AT_ONCE = 8
_POINTS = 240
_LEAST_STEP_S = 15.0
_RATE_S = 180.0
"""Seconds over which a rate is taken: three samples of the usual minute."""
_QUANTILE = 0.95
_OF_CALLEE = (*CALLEE_LABELS, "destination_workload_namespace")
_FELT_FIRST = (
    Signal.LATENCY,
    Signal.ERRORS,
    Signal.AVAILABILITY,
    Signal.TRAFFIC,
    Signal.RESTARTS,
    Signal.SATURATION,
    Signal.MEMORY,
    Signal.CPU,
    Signal.LAG,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metric:
    """One metric as it exists for the resources that are asked about."""

    name: str
    meaning: Meaning
    label: str
    """The label that tells whose it is"""
    values: tuple[str, ...]
    """Its values that belong to the resources asked about"""
    labels: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    metric: _Metric
    expression: str
    signal: Signal
    statistic: str = ""


class Prometheus:
    """A `MetricStore` over the HTTP API."""

    def __init__(self, name: str, http: HttpJson) -> None:
        self.name = name
        self._http = http

    def series(self, targets: Targets, window: Window) -> Measured[Series]:
        if not len(targets):
            return Measured(items=())
        found = self._existing(targets, window)
        metrics = _metrics(found, targets)
        questions = [q for m in metrics[:_MOST_METRICS] for q in _questions(m)]
        gaps = [] if len(metrics) <= _MOST_METRICS else [self._cut(len(metrics))]
        items: list[Series] = []
        with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
            for question, answer in zip(questions, pool.map(lambda q: self._answer(q, window), questions), strict=True):
                if isinstance(answer, OutsideError):
                    gaps.append(Gap(what=f"{question.metric.name} in {self.name}", why=str(answer)))
                else:
                    items += _read(answer, question, targets)
        if questions and len(gaps) >= len(questions) and not items:
            raise Unexpected(f"{self.name}: none of {len(questions)} questions was answered; the first: {gaps[0].why}")
        return Measured(items=tuple(items), gaps=tuple(gaps))

    def _existing(self, targets: Targets, window: Window) -> list[dict[str, str]]:
        form = {
            "match[]": list(_selectors(targets)),
            "start": _seconds(window.since),
            "end": _seconds(window.until),
            "limit": _MOST_SERIES,
        }
        data = _data(self._http.post("/api/v1/series", form), self.name)
        if not isinstance(data, list):
            raise Unexpected(f"{self.name}: /api/v1/series gave no list of series")
        return [one for one in data[:_MOST_SERIES] if isinstance(one, dict)]

    def _answer(self, question: _Question, window: Window) -> Json | OutsideError:
        length = (window.until - window.since).total_seconds()
        form = {
            "query": question.expression,
            "start": _seconds(window.since),
            "end": _seconds(window.until),
            "step": max(_LEAST_STEP_S, length / _POINTS),
        }
        try:
            return _data(self._http.post("/api/v1/query_range", form), self.name)
        except OutsideError as error:
            return error

    def _cut(self, many: int) -> Gap:
        why = f"{many} metrics exist of what is asked about; the {_MOST_METRICS} that say most were read"
        return Gap(what=f"further metrics in {self.name}", why=why)


def _selectors(targets: Targets) -> Iterator[str]:
    """Selectors that find the series of the targets, whichever label tells it."""
    spaces: dict[str, list[str]] = defaultdict(list)
    for target in targets:
        spaces[target.namespace] += target.names
    for namespace, names in spaces.items():
        either = "|".join(_quoted(n) for n in dict.fromkeys(names))
        for label in ("pod", "pod_name", "k8s_pod_name"):
            place = f',namespace="{_text(namespace)}"' if namespace and label == "pod" else ""
            yield f'{{{label}=~"(?:{either})-.+"{place}}}'
        for label in NAME_LABELS:
            if label not in ("instance", "container", "job"):
                yield f'{{{label}=~"{either}"}}'
        yield f'{{job=~"(?:.+/)?(?:{either})"}}'
        yield f'{{instance=~"(?:{either})(?:[.:].*)?"}}'


def _metrics(found: Iterable[Mapping[str, str]], targets: Targets) -> list[_Metric]:
    """What was found, by metric and the label that tells whose it is; those that say most first."""
    values: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    labels: dict[str, set[str]] = defaultdict(set)
    for one in found:
        name = one.get("__name__", "")
        label = _telling(one, targets)
        if name and label:
            values[name, label][one[label]] = None
            labels[name] |= one.keys()
    metrics = [
        _Metric(
            name=name,
            meaning=what,
            label=label,
            values=tuple(mine)[:_MOST_VALUES],
            labels=frozenset(labels[name]),
        )
        for (name, label), mine in values.items()
        if (what := meaning(name, labels[name])) is not None
    ]
    return sorted(metrics, key=lambda m: (_FELT_FIRST.index(m.meaning.signal), m.name, m.label))


def _telling(labels: Mapping[str, str], targets: Targets) -> str:
    """The label by which a series belongs to one of the targets; empty when it belongs to none."""
    found = targets.told_by(plain_labels(labels))
    if found is None:
        return ""
    named = [label for label in labels if found.label in plain_labels({label: ""})]
    return max(named, key=lambda label: label.startswith("exported_"), default="")


def _questions(metric: _Metric) -> Iterator[_Question]:
    either = "|".join(_quoted(v) for v in metric.values)
    chosen = f'{metric.name}{{{metric.label}=~"{either}"}}'
    by = ", ".join(sorted({metric.label, *(metric.labels & _telling_apart(metric))}))
    signal, rate = metric.meaning.signal, f"{_RATE_S:.0f}s"
    match metric.meaning.form:
        case Form.HISTOGRAM:
            inner = f"sum by ({by}, le) (rate({chosen}[{rate}]))"
            yield _Question(
                metric=metric,
                expression=f"histogram_quantile({_QUANTILE}, {inner})",
                signal=signal,
                statistic="p95",
            )
        case Form.COUNTER:
            yield _Question(metric=metric, expression=f"sum by ({by}) (rate({chosen}[{rate}]))", signal=signal)
            status = next((label for label in STATUS_LABELS if label in metric.labels), "")
            if signal is Signal.TRAFFIC and status:
                failed = f'{metric.name}{{{metric.label}=~"{either}",{status}=~"{FAILED}"}}'
                # Without a failed request there is no such series: that is a level of nought, not a hole.
                all_of = f"sum by ({by}) (rate({chosen}[{rate}])) * 0"
                expression = f"sum by ({by}) (rate({failed}[{rate}])) or {all_of}"
                yield _Question(metric=metric, expression=expression, signal=Signal.ERRORS, statistic="failed")
        case Form.GAUGE:
            fold = "min" if signal is Signal.AVAILABILITY else "max"
            yield _Question(metric=metric, expression=f"{fold} by ({by}) ({chosen})", signal=signal)


def _telling_apart(metric: _Metric) -> set[str]:
    """Labels whose values are kept apart: who calls, and where both sides of a call measure it, which side and whom."""
    sides = metric.labels.intersection(SIDE_LABELS)
    is_of_calls = bool(sides) or is_of_caller(metric.name, {})
    return {*NAMESPACE_LABELS, *PEER_LABELS, *sides, *(_OF_CALLEE if is_of_calls else ())}


def _read(data: Json, question: _Question, targets: Targets) -> Iterator[Series]:
    for one in data.get("result", ()) if isinstance(data, dict) else ():
        labels, values = one.get("metric") or {}, one.get("values") or []
        metric, statistic = question.metric, question.statistic
        outgoing = targets.outgoing(labels, metric.name)
        uid = outgoing.callee if outgoing else targets.owner(labels)
        if uid is None or not values:
            continue
        yield Series(
            resource=uid,
            metric=f"{metric.name}:{statistic}" if statistic else metric.name,
            signal=question.signal,
            times=np.array([float(at) for at, _ in values]),
            values=np.array([float(value) for _, value in values]),
            unit=metric.meaning.unit if question.signal is metric.meaning.signal else "",
            statistic=statistic,
            peer=outgoing.caller if outgoing else targets.peer(labels) or "",
            instance=next((v for k, v in plain_labels(labels).items() if k in POD_LABELS), ""),
            is_outgoing=outgoing is not None,
        )


def _data(answer: Json, name: str) -> Json:
    if not isinstance(answer, dict) or answer.get("status") != "success":
        said = answer.get("error") if isinstance(answer, dict) else None
        raise Unexpected(f"{name}: it answered no success: {str(said or 'nothing else')[:200]}")
    return answer.get("data")


def _quoted(value: str) -> str:
    """A value for use inside a regular expression inside double quotes."""
    return _text(re.sub(r"([.+*?()\[\]{}|^$\\])", r"\\\1", value))


def _text(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
