"""What senders say of metric, reading and limit is read; what is not certain is left out."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from tools.adapters.measure import Measure, compared, joined, stated


@pytest.mark.parametrize(
    ("fields", "measure"),
    [
        pytest.param({"metric": "m", "value": 3, "threshold": 2.5}, Measure("m", 3.0, 2.5, None), id="plain"),
        pytest.param(
            {"Trigger": {"MetricName": "CPUUtilization", "Threshold": 80, "ComparisonOperator": "LessThanThreshold"}},
            Measure("CPUUtilization", None, 80.0, True),
            id="CloudWatch, one level down",
        ),
        pytest.param({"current_value": "93.5%", "threshold": "80 %"}, Measure("", 93.5, 80.0, None), id="percent"),
        pytest.param({"value": "900ms", "threshold": "2s"}, Measure("", None, 2.0, None), id="units differ"),
        pytest.param({"value": "1.9k", "threshold": "1e3"}, Measure("", None, 1000.0, None), id="scaled"),
        pytest.param({"value": "NaN", "threshold": "inf"}, Measure(), id="no number"),
        pytest.param({"value": "1e400"}, Measure(), id="too large"),
        pytest.param({"value": True, "threshold": None, "metric": ["x"]}, Measure(), id="odd types"),
        pytest.param("text", Measure(), id="no object"),
    ],
)
def test_reads_fields_under_their_usual_names(fields: object, measure: Measure) -> None:
    """Whatever their case and separators."""
    assert stated(fields) == measure


@pytest.mark.parametrize(
    ("expression", "measure"),
    [
        ("node_load1 > 8", Measure("node_load1", None, 8.0, False)),
        ('up{job="a", pod=~"x.*"} < 1', Measure("up", None, 1.0, True)),
        ("queue_depth >= 1e3", Measure("queue_depth", None, 1000.0, False)),
        ("rate(http_requests_total[5m]) > 5", Measure()),
        ("a > b", Measure()),
        ("a > 5 and b > 6", Measure()),
        ("a > 5..3", Measure()),
        ("", Measure()),
    ],
)
def test_reads_a_rule_that_compares_one_metric(expression: str, measure: Measure) -> None:
    """What computes is left out: its result is not what a series of the metric holds."""
    assert compared(f"http://prometheus/graph?g0.expr={quote(expression)}&g0.tab=1") == measure


def test_an_address_without_an_expression_says_nothing() -> None:
    """Nor one that is none."""
    assert [compared(text) for text in ("", "http://[", "https://grafana/alerting/x/view?orgId=1")] == [Measure()] * 3


def test_parts_of_another_metric_are_left_out() -> None:
    """A limit of one is no limit of the other."""
    assert joined(Measure("load"), Measure("memory", 9.0, 8.0)) == Measure("load")
