"""Lines of one form are one, and are compared with before."""

from __future__ import annotations

from graph.telemetry import LogLine
from tools.log_forms import log_forms


def line(text: str, *, at: float = 0.0, severity: str = "error") -> LogLine:
    return LogLine(resource="cart", at=at, severity=severity, text=text)


def test_lines_that_differ_in_values_are_one_form() -> None:
    """Numbers, addresses and ids vary; the first line stands for all."""
    lines = [line(f"timeout after {n} ms calling 10.0.0.{n}:8080", at=float(n)) for n in range(1, 9)]
    (form,) = log_forms(lines, before=[])
    assert (form.count, form.baseline, form.at) == (8, 0.0, 1.0)
    assert form.form


def test_a_form_is_compared_with_the_window_before() -> None:
    """What was always said is not news; without a past nobody knows."""
    usual = [line(f"GET /cart/{n} took {n} ms", severity="info") for n in range(20)]
    news = [line(f"no space left on device {n}") for n in range(3)]
    forms = {f.severity: f for f in log_forms([*usual, *news], before=usual)}
    assert (forms["info"].count, forms["info"].baseline) == (20, 20.0)
    assert (forms["error"].count, forms["error"].baseline) == (3, 0.0)
    assert {f.baseline for f in log_forms(news, before=None)} == {None}


def test_the_same_lines_give_the_same_forms_in_any_order() -> None:
    """Reproducible: no order of arrival."""
    lines = [line(f"retry {n} of upstream payments", at=float(n)) for n in range(9)]
    assert log_forms(lines, before=[]) == log_forms(list(reversed(lines)), before=[])
