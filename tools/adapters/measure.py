"""What an alert says that it measured: metric, reading, limit and side, from the fields that senders use for them.

What cannot be read for certain is left out: a reading in other units than its limit, or a query that computes, would
be compared with readings of something else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from graph.document import Json
from tools.adapters.delivery import text

_METRIC = ("metric", "metricname", "alertmetric")
_VALUE = ("value", "currentvalue", "metricvalue", "observedvalue", "actualvalue")
_LIMIT = ("threshold", "thresholdvalue", "alertthreshold", "metricthreshold")
_SIDE = ("comparison", "comparator", "comparisonoperator", "operator")
"""Names of fields, in lower case and without what is no letter."""
_NUMBER = re.compile(
    r"\s*(?P<number>[-+]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][-+]?\d{1,3})?)\s*(?P<unit>.*?)\s*"
)
_UNITS = frozenset({"", "%", "s", "ms", "seconds", "bytes"})
"""Units that do not scale a number; with any other the reading is not certain."""
_COMPARED = re.compile(
    r"\s*(?P<metric>[a-zA-Z_:][\w:]*)\s*(?:\{[^{}]*\})?\s*(?P<side>[<>])=?\s*(?P<limit>[-+]?[\d.]+(?:[eE][-+]?\d+)?)\s*"
)
"""PromQL that compares the readings of one metric, as they are, with a number."""


class Measure(NamedTuple):
    """What an alert judges; empty and None for what it does not say."""

    metric: str = ""
    value: float | None = None
    threshold: float | None = None
    is_low_bad: bool | None = None


def stated(*sources: Json) -> Measure:
    """Read the measure from fields that a sender or the author of a rule named so; the first source that has one wins.

    >>> stated({"MetricName": "CPUUtilization", "Threshold": "80.0", "currentValue": "93%"})
    Measure(metric='CPUUtilization', value=93.0, threshold=80.0, is_low_bad=None)
    """
    fields: dict[str, str] = {}
    for source in sources:
        for name, value in _flat(source):
            fields.setdefault(name, value)
    reading, unit = _number(_first(fields, _VALUE))
    limit, unit_of_limit = _number(_first(fields, _LIMIT))
    if unit and unit_of_limit and unit != unit_of_limit:
        reading = None
    side = _first(fields, _SIDE).lower()
    is_low = True if "less" in side or "<" in side else False if "greater" in side or ">" in side else None
    return Measure(_first(fields, _METRIC), reading, limit, is_low)


def compared(address: str) -> Measure:
    """Read the measure from the address of a Prometheus rule's graph, which holds its expression as `g0.expr`.

    >>> compared("http://p/graph?g0.expr=node_load1%7Bjob%3D%22n%22%7D+%3E+8&g0.tab=1")
    Measure(metric='node_load1', value=None, threshold=8.0, is_low_bad=False)
    >>> compared("http://p/graph?g0.expr=rate%28http_requests_total%5B5m%5D%29+%3E+8")
    Measure(metric='', value=None, threshold=None, is_low_bad=None)
    """
    try:
        expression = parse_qs(urlsplit(address).query, max_num_fields=50).get("g0.expr", [""])[0]
        match = _COMPARED.fullmatch(expression)
        if match is None:
            return Measure()
        return Measure(match["metric"], None, float(match["limit"]), match["side"] == "<")
    except ValueError:
        return Measure()


def joined(*measures: Measure) -> Measure:
    """Take each part from the first that has it and does not speak of another metric.

    >>> joined(Measure("load", None, 8.0, False), Measure(value=9.0, threshold=7.0))
    Measure(metric='load', value=9.0, threshold=8.0, is_low_bad=False)
    """
    metric = next((m.metric for m in measures if m.metric), "")
    mine = [m for m in measures if m.metric in ("", metric)]
    return Measure(
        metric,
        next((m.value for m in mine if m.value is not None), None),
        next((m.threshold for m in mine if m.threshold is not None), None),
        next((m.is_low_bad for m in mine if m.is_low_bad is not None), None),
    )


def _flat(source: Json, depth: int = 2) -> Iterator[tuple[str, str]]:
    if not isinstance(source, Mapping):
        return
    for name, value in list(source.items())[:128]:
        if isinstance(value, Mapping) and depth > 1:
            yield from _flat(value, depth - 1)
        elif plain := text(value):
            yield re.sub(r"[^a-z]", "", text(name, 64).lower()), plain


def _first(fields: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((fields[name] for name in names if name in fields), "")


def _number(value: str) -> tuple[float | None, str]:
    match = _NUMBER.fullmatch(value[:64])
    if match is None or match["unit"].lower() not in _UNITS:
        return None, ""
    number = float(match["number"])
    return (number, match["unit"].lower()) if math.isfinite(number) else (None, "")
