"""Incidents in which the right answer is to hold back: nothing known, nothing to revert yet, nothing wrong."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from app.demo.alerts import alertmanager, opsgenie, pagerduty
from app.demo.people import person
from app.demo.scenario import Alert, Expected, Scenario
from app.demo.scenarios_cluster import uid
from app.demo.scene import go_dark, scene
from graph.action import ActionKind
from graph.diagnosis.result import DiagnosisVerdict
from tools.actions.simulated_cluster.settle import measure
from tools.actions.simulated_cluster.traffic import observe

_ONSET = timedelta(seconds=5)


def _slow_provider(estate: Path, now: datetime) -> None:
    go_dark(
        estate,
        [
            {
                "what": "logs",
                "resource": "shop/Deployment/payments",
                "why": "the log store answers 503 for this stream; ask its owner, or look at the pods directly",
            }
        ],
    )
    with scene(estate, began=now - _ONSET, now=now) as told:
        told.outside("latency_s", "payments", 2.7)


def _payments_slow(now: datetime) -> Alert:
    return pagerduty(
        title="payments: latency p99 above 1.5 s",
        service="payments",
        urgency="high",
        created=now,
        now=now,
    )


def _surge(estate: Path, now: datetime) -> None:
    with scene(estate, began=now - timedelta(seconds=20), now=now) as told:
        told.outside("memory_mib", "recommendations", 610)


def _raise_memory(estate: Path, now: datetime) -> None:
    at = now - timedelta(seconds=1)
    with scene(estate, began=at, now=now) as told:
        told.outside("memory_mib", "recommendations", 610)
        by = person("aiko.tanabe", address="203.0.113.12")
        path = "/spec/template/spec/containers/0/resources/limits/memory"
        told.edit("Deployment", "recommendations", path, "768Mi", by=by, at=at)


def _pages_incomplete(now: datetime) -> Sequence[Alert]:
    return (
        opsgenie(
            message="gateway: product pages come without recommendations",
            entity="gateway",
            tags=["service:gateway", "namespace:shop", "env:production"],
            priority="P2",
            created=now - timedelta(seconds=10),
        ),
    )


def _drift_found(now: datetime) -> Alert:
    return alertmanager(
        name="ConfigurationDrift",
        labels={"namespace": "shop", "deployment": "recommendations", "severity": "warning", "cluster": "shop"},
        summary="Configuration drift on shop/recommendations",
        description="The live Deployment differs from the repository.",
        expression="plumbline_drift_findings%7Bname%3D%22recommendations%22%7D+%3E+0",
        started=now,
    )


def _blip(estate: Path, now: datetime) -> None:
    began, over = now - timedelta(minutes=26), now - timedelta(minutes=22)
    with scene(estate, began=over, now=now) as told:
        readings = observe(told.store)
        slow = readings["shop/Deployment/shipping"]
        slow.latency_p99_s, slow.error_rate = 3.4, 0.06
        for minutes in range(int((over - began).total_seconds()) // 60):
            moment = began + timedelta(minutes=minutes)
            measure(told.store, {"shop/Deployment/shipping": slow}, moment)


def _shipping_slow(now: datetime) -> Alert:
    return alertmanager(
        name="HighLatency",
        labels={"namespace": "shop", "deployment": "shipping", "severity": "warning", "cluster": "shop"},
        summary="shipping is slow",
        description="99th percentile of shipping above 2.5 s.",
        expression="histogram_quantile%280.99%2Cshipping_request_seconds_bucket%29+%3E+2.5",
        started=now - timedelta(minutes=24),
    )


QUIET_SCENARIOS = (
    Scenario(
        name="cause-unknown",
        title="Slow, and nothing that can be seen tells why",
        story=(
            "Kilnpay, the payment provider, is slow today; nothing of it can be observed from here, nothing was "
            "changed, and the logs of payments are not available. The honest answer is what is missing, not a guess."
        ),
        inject=_slow_provider,
        alert=_payments_slow,
        expected=Expected(verdict=DiagnosisVerdict.INCONCLUSIVE),
    ),
    Scenario(
        name="emergency-fix-drift",
        title="Drift that keeps the shop up during an incident",
        story=(
            "Twice the usual sessions make recommendations run out of memory; with that incident open, Aiko raises "
            "the memory limit by hand. Then a drift alert asks for the declared value back, which would kill "
            "the pods again."
        ),
        prelude=_surge,
        inject=_raise_memory,
        alert=_drift_found,
        prior_alerts=_pages_incomplete,
        expected=Expected(
            verdict=DiagnosisVerdict.CAUSE_FOUND,
            cause_kind="emergency_change",
            cause_resource=uid("Deployment", "recommendations", "apps"),
            action=ActionKind.SET_FIELDS,
            hold=True,
        ),
    ),
    Scenario(
        name="healthy-false-alarm",
        title="An alert about a system that is fine",
        story=(
            "A carrier was slow for four minutes, long enough for an alert and over before anyone looks. Nothing is "
            "wrong with shipping, and nothing is to be done."
        ),
        inject=_blip,
        alert=_shipping_slow,
        expected=Expected(verdict=DiagnosisVerdict.HEALTHY),
    ),
)
