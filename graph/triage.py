"""Which of many alerts deserve a person: those that are real, that nobody works on yet, and of one fault one.

An alert is held for noise only when what is known outweighs even the worst that is not known; nothing is left out for
it. `graph.alert_evidence` weighs a single one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from graph.alert_evidence import Page, Weighed, page_of, weighed
from graph.diagnosis.ledger import Ledger
from graph.diagnosis.result import Diagnosis, DiagnosisVerdict, Statement
from graph.environment import EnvironmentGraph
from graph.evidence import Gap, Observation
from graph.incident import Alert, OpenIncident
from graph.telemetry import NOTHING_MEASURED, Telemetry

PAGE_FROM = 1.0
"""Points from which an alert is taken for real."""
_AGAINST = -1.0
"""Points from which one reason alone speaks for noise; what weighs less may hold of a real one as well."""


class Verdict(StrEnum):
    """What an alert is held for, most urgent first."""

    REAL = "real"
    UNDECIDED = "undecided"
    """Not enough is known; to be treated as if it were real."""
    KNOWN = "known"
    """Real or not, something else tells of it already."""
    NOISE = "noise"
    """Probably noise."""


class Rule(StrEnum):
    """What decided; the first that applies does."""

    CAUSE_FOUND = "cause_found"
    KNOWN_INCIDENT = "known_incident"
    SPEAKS_FOR_IT = "speaks_for_it"
    SAME_FAULT = "same_fault"
    TOO_LITTLE_KNOWN = "too_little_known"
    NOT_SEEN_BACK = "not_seen_back"
    NOT_EXAMINED = "not_examined"
    NOT_HEALTHY = "not_healthy"
    SPEAKS_AGAINST_IT = "speaks_against_it"


_VERDICTS = {
    Rule.CAUSE_FOUND: Verdict.REAL,
    Rule.SPEAKS_FOR_IT: Verdict.REAL,
    Rule.KNOWN_INCIDENT: Verdict.KNOWN,
    Rule.SAME_FAULT: Verdict.KNOWN,
    Rule.TOO_LITTLE_KNOWN: Verdict.UNDECIDED,
    Rule.NOT_SEEN_BACK: Verdict.UNDECIDED,
    Rule.NOT_EXAMINED: Verdict.UNDECIDED,
    Rule.NOT_HEALTHY: Verdict.UNDECIDED,
    Rule.SPEAKS_AGAINST_IT: Verdict.NOISE,
}

_WORDS = {
    Rule.CAUSE_FOUND: "A cause was found, so it is real.",
    Rule.KNOWN_INCIDENT: "{same_as} is about this already.",
    Rule.SPEAKS_FOR_IT: "What is known of it speaks for a real one.",
    Rule.SAME_FAULT: "{same_as} tells of the same fault.",
    Rule.TOO_LITTLE_KNOWN: "Too little is known to hold it for noise.",
    Rule.NOT_SEEN_BACK: "What it measures was not seen to be within its limit again, so it is not held for noise.",
    Rule.NOT_EXAMINED: "Nobody has looked yet at what it is about.",
    Rule.NOT_HEALTHY: "What it is about was not seen to be healthy, so it is not held for noise.",
    Rule.SPEAKS_AGAINST_IT: "What is known speaks against a real one, and nothing that is unknown could outweigh it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an alert is held for, and why."""

    alert: str
    """id"""
    rule: Rule
    is_page: bool
    """Whether to wake a person for it, by the best guess where not all is known."""
    points: float
    """Sum of what speaks for it and against it; real from `PAGE_FROM`."""
    most: float
    """What the sum could be if all that is unknown spoke for it."""
    reasons: tuple[Statement, ...]
    """Strongest for it first; empty when nothing is known."""
    unknown: tuple[str, ...] = ()
    """What nobody knows of it"""
    same_as: str = ""
    """id of the alert, incident or planned change that covers it."""
    observations: tuple[Observation, ...] = ()
    """What the reasons cite"""

    @property
    def verdict(self) -> Verdict:
        """What the rule that decided holds the alert for."""
        return _VERDICTS[self.rule]

    @property
    def explanation(self) -> str:
        """The rule that decided, as a sentence."""
        return _WORDS[self.rule].format(same_as=self.same_as)


def triage(
    graph: EnvironmentGraph,
    alerts: Sequence[Alert],
    *,
    telemetry: Telemetry = NOTHING_MEASURED,
    gaps: Sequence[Gap] = (),
    open_incidents: Sequence[OpenIncident] = (),
    diagnoses: Sequence[Diagnosis] | None = None,
) -> tuple[Decision, ...]:
    """Decide what alerts are held for.

    Args:
        graph: the environment, for what each alert is about.
        alerts: those that came together, in any order.
        telemetry: readings of the metrics that the alerts judge, and log lines.
        gaps: what monitoring did not answer.
        open_incidents: what people work on already, or planned.
        diagnoses: of these alerts, newest first; empty when none was made yet. Where they are given, only what the
            newest calls healthy can be noise. None where only measurements are to be judged.

    Returns:
        One decision for each alert, in the order of `alerts`.
    """
    ledger = Ledger(graph)
    pages = [page_of(graph, alert, telemetry) for alert in alerts]
    hears_all = not any("logs" in gap.what for gap in gaps)
    found = next((d for d in diagnoses or () if d.verdict is DiagnosisVerdict.CAUSE_FOUND), None)
    decisions: dict[str, Decision] = {}
    for page in pages:
        known = weighed(page, ledger, hears_all=hears_all)
        owner = next((i for i in open_incidents if _covers(i, page)), None)
        rule = _rule(page.alert, known, found, owner, diagnoses)
        decisions[page.id] = _decision(page, known, rule, ledger, found, same_as=owner.id if owner else "")
    for group in _groups([page for page in pages if decisions[page.id].is_page]):
        told = _nearest(group)
        for page in (p for p in group if p is not told):
            decisions[page.id] = _told_by(decisions[page.id], told.id)
    return tuple(decisions[page.id] for page in pages)


def gravest(verdicts: Iterable[Verdict]) -> Verdict:
    """Return what several alerts together are held for; undecided when there are none."""
    return min(verdicts, key=list(Verdict).index, default=Verdict.UNDECIDED)


def _rule(
    alert: Alert,
    known: Weighed,
    found: Diagnosis | None,
    owner: OpenIncident | None,
    diagnoses: Sequence[Diagnosis] | None,
) -> Rule:
    if found is not None:
        return Rule.CAUSE_FOUND
    if owner is not None:
        return Rule.KNOWN_INCIDENT
    if known.total >= PAGE_FROM:
        return Rule.SPEAKS_FOR_IT
    if known.most >= PAGE_FROM:
        return Rule.TOO_LITTLE_KNOWN
    # Ordinary lines of what it is about prove little where nobody said that the alert is about these lines.
    if not alert.form and not known.is_back:
        return Rule.NOT_SEEN_BACK
    if diagnoses is None:
        return Rule.SPEAKS_AGAINST_IT
    if not diagnoses:
        return Rule.NOT_EXAMINED
    return Rule.SPEAKS_AGAINST_IT if diagnoses[0].verdict is DiagnosisVerdict.HEALTHY else Rule.NOT_HEALTHY


def _decision(
    page: Page, known: Weighed, rule: Rule, ledger: Ledger, found: Diagnosis | None, *, same_as: str
) -> Decision:
    """Put a decision together; a cause that was found is its first reason."""
    cause = found.causes[0] if found is not None and found.causes else None
    reasons = [Statement(text=cause.summary, evidence=cause.evidence)] if cause else []
    reasons += [Statement(text=p.text, evidence=p.evidence) for p in known.points]
    cited = {id for reason in reasons for id in reason.evidence}
    seen = (*(found.observations if found else ()), *ledger.observations)
    is_real = known.total >= PAGE_FROM or not any(p.worth <= _AGAINST for p in known.points)
    return Decision(
        alert=page.id,
        rule=rule,
        is_page=rule is Rule.CAUSE_FOUND or (is_real and rule is not Rule.KNOWN_INCIDENT),
        points=known.total,
        most=known.most,
        reasons=tuple(reasons),
        unknown=known.unknown,
        same_as=same_as if _VERDICTS[rule] is Verdict.KNOWN else "",
        observations=tuple({o.id: o for o in seen if o.id in cited}.values()),
    )


def _told_by(decision: Decision, other: str) -> Decision:
    """Let another alert tell of the same fault; what is undecided stays so, since it may be another fault."""
    rule = Rule.SAME_FAULT if decision.rule is Rule.SPEAKS_FOR_IT else decision.rule
    return replace(decision, rule=rule, is_page=False, same_as=other)


_FILLS_UP = re.compile(
    r"lag|queue|backlog|depth|oldest|disk|volume|pvc|storage|space|memory|heap|pool|connections|cpu|pressure|certificate"
    r"|saturation|utili[sz]ation"
)
"""Measures of something that fills up, runs out or falls behind: it does so before anybody feels an error."""


def _nearest(group: Sequence[Page]) -> Page:
    """The page of one fault that is nearest to its origin: first where it began, then what tells best of it there.

    What fills up comes before what callers feel of it, then whom the log names, then who felt it first. Gravity comes
    last: what customers feel is graver than its cause, and paging the cause is what gets it mended. Of one and the same
    service the first measure tells: a queue there fills because less is done. One that is over tells of nothing.
    """
    places: dict[str, list[Page]] = {}
    for page in group:
        places.setdefault(page.subject, []).append(page)

    place = min(places.values(), key=_nearness)
    return min(place, key=lambda p: (p.is_over, p.fired_at, _gravity(p.alert), p.id))


def _nearness(pages: list[Page]) -> tuple[bool, bool, bool, float, int, str]:
    """Order the pages of one service among those of others by how near they are to the origin of their fault."""
    lasting = [p for p in pages if not p.is_over]
    telling = lasting or pages
    is_felt = not any(_FILLS_UP.search(p.alert.metric.lower()) for p in telling)
    first = min(telling, key=lambda p: (p.fired_at, _gravity(p.alert), p.id))
    gravest_first = min(_gravity(p.alert) for p in pages)
    return not lasting, is_felt, not _is_named(first), first.fired_at, gravest_first, first.id


def _is_named(page: Page) -> bool:
    name = page.subject.rpartition("/")[2]
    return page.form is not None and bool(name) and name in page.form.text


def _gravity(alert: Alert) -> int:
    """1 is the gravest."""
    text = alert.severity.lower()
    digits = re.fullmatch(r"(?:sev|p|s)?-?(\d)", text)
    return int(digits[1]) if digits else _GRAVITY.get(text, 9)


_GRAVITY = {"critical": 1, "emergency": 1, "error": 2, "high": 2, "warning": 3, "medium": 3, "low": 4, "info": 5}


def _covers(known: OpenIncident, page: Page) -> bool:
    """Whether people know of this: the same service with the same measure, or the same lines in the logs of anybody.

    What was planned until a time covers nothing that is still out of range afterwards, and what passes for noise
    covers nothing at all.
    """
    if known.is_noise or known.opened_at > page.alert.started_at:
        return False
    if known.resolved_at and (
        known.resolved_at < page.alert.started_at or page.is_out_after(known.resolved_at.timestamp())
    ):
        return False
    if known.form and page.form is not None and page.form.form == known.form:
        return True
    return page.subject in known.subjects and bool(known.metric) and known.metric == page.alert.metric


def _groups(pages: Iterable[Page]) -> list[list[Page]]:
    """Real pages that go with the same form of log line are of one fault; so are repeats of the same measure."""
    groups: list[list[Page]] = []
    for page in pages:
        home = next((g for g in groups if any(_is_same(page, other) for other in g)), None)
        if home is None:
            groups.append([page])
        else:
            home.append(page)
    return groups


def _is_same(one: Page, other: Page) -> bool:
    if one.form is not None and other.form is not None:
        return one.form.form == other.form.form
    return (one.subject, one.alert.metric) == (other.subject, other.alert.metric)
