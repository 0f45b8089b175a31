"""What a comparison changes about the drifts that are open."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from graph.drift_event import DriftEvent, DriftEventKind, DriftKey, bounded, content_of, steps
from graph.finding import DriftReport, Finding, NotComparable, Verdict
from graph.resource import Platform, Resource

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
UID = "k8s://demo/core/ConfigMap/shop/settings"
RESOURCE = Resource(uid=UID, platform=Platform.KUBERNETES, kind="ConfigMap", name="settings", namespace="shop")
FINDING = Finding(resource=RESOURCE, path="/data/a", verdict=Verdict.OUT_OF_BAND_CHANGE, intended="1", actual="2")


def last(finding: Finding = FINDING) -> dict[DriftKey, DriftEvent]:
    event = DriftEvent(
        kind=DriftEventKind.OPENED,
        drift="d1",
        uid=UID,
        resource="shop/ConfigMap/settings",
        path=finding.path,
        verdict=finding.verdict,
        content=content_of(finding),
        detected_at=AT,
        recorded_at=AT,
    )
    return {event.key: event}


def found(*findings: Finding, **more: object) -> DriftReport:
    return DriftReport(resources=1, findings=findings, **more)  # type: ignore[arg-type]


def kinds(report: DriftReport, open: dict[DriftKey, DriftEvent], judged: set[str] | None = None) -> list[str]:
    return [step.kind.value for step in steps(report, open, judged)]


def test_drift_opens_changes_and_closes() -> None:
    """A finding that is as before is no news but for who did it."""
    assert kinds(found(FINDING), {}) == ["opened"]
    assert kinds(found(FINDING), last()) == ["attributed"]
    assert kinds(found(replace(FINDING, actual="3")), last()) == ["changed"]
    assert kinds(found(replace(FINDING, verdict=Verdict.CONFLICT)), last()) == ["changed"]
    assert kinds(found(), last()) == ["closed"]


def test_what_was_not_judged_stays_open() -> None:
    """The comparison of one resource says nothing about another."""
    assert kinds(found(), last(), {"k8s://demo/core/ConfigMap/shop/other"}) == []
    assert kinds(found(), last(), {UID}) == ["closed"]


def test_what_cannot_be_compared_stays_open() -> None:
    """A resource that can't be read, and a field whose parent can't be compared, are not known to be right again."""
    unread = NotComparable(resource="shop/ConfigMap/settings", reason="denied", uid=UID)
    assert kinds(found(not_comparable=(unread,)), last()) == []
    unclear = replace(FINDING, path="/data", verdict=Verdict.NOT_COMPARABLE)
    assert kinds(found(tolerated=(unclear,)), last()) == []
    assert kinds(found(tolerated=(replace(unclear, path="/dat"),)), last()) == ["closed"]


def test_long_values_are_kept_as_digests() -> None:
    """What is not too long is kept as it is."""
    assert bounded({"a": 1}) == {"a": 1}
    kept = bounded("x" * 10_000)
    assert kept["$characters"] == 10_002
    assert kept == bounded("x" * 10_000) != bounded("y" * 10_000)
