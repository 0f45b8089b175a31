"""The first diagnosis: from alerts to ranked causes, from the graph alone. Pure, reproducible, without any model.

Detectors propose, judges weigh, ranking orders, the verdict decides. None of them knows an environment by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from graph.diagnosis.accounting import accounts_of, unexplained
from graph.diagnosis.ailment import Way
from graph.diagnosis.blame import change_verdict, remedy
from graph.diagnosis.commits.verdict import LIKELY
from graph.diagnosis.context import Context
from graph.diagnosis.detectors.broken import broken
from graph.diagnosis.detectors.changed import changed
from graph.diagnosis.detectors.coded import coded
from graph.diagnosis.detectors.drifted import drifted
from graph.diagnosis.detectors.measured import measured
from graph.diagnosis.detectors.mechanical import mechanical
from graph.diagnosis.detectors.released import released
from graph.diagnosis.detectors.spreading import spreading
from graph.diagnosis.detectors.traced import traced
from graph.diagnosis.elimination import with_elimination
from graph.diagnosis.emergency import with_emergency
from graph.diagnosis.gaps import doubt, gaps
from graph.diagnosis.hypothesis import Hypothesis, Weight
from graph.diagnosis.ranking import Ranked, is_measured, is_shown, joined, located, merged, rank, total
from graph.diagnosis.reach import Reach, reach
from graph.diagnosis.recollection import portrait, remembered
from graph.diagnosis.result import Account, Cause, ChangeVerdict, Diagnosis, DiagnosisVerdict, Statement
from graph.diagnosis.support import weighed
from graph.diagnosis.verdict import causes, missing, summary, verdict
from graph.drift import DriftReport
from graph.environment import EnvironmentGraph
from graph.evidence import Gap
from graph.incident import Alert, Candidate, OpenIncident
from graph.matching import candidates, namespace_of
from graph.memory import Memory, recall
from graph.telemetry import NOTHING_MEASURED, Telemetry

DETECTORS: tuple[Callable[[Context], Iterable[Hypothesis]], ...] = (
    drifted,
    changed,
    broken,
    mechanical,
    measured,
    spreading,
    coded,
    released,
    traced,
)
"""Each proposes possible causes of one sort; a new sort of fault is a new function here."""

_NO_SUBJECT_DOUBT = 0.3
"""Without a subject, nothing ties any difference to the alert."""
_PLACE_DOUBT = 0.95
"""A namespace is less than a service: there may be more wrong in it than what the alert is about."""
_EVERYWHERE = frozenset({"Node", "PersistentVolume"})
"""Kinds without namespace that any namespace lives on."""
_BOUND = frozenset({"complaint_names", "fault_fits", "takes_away", "about_drift"})


def diagnose(
    graph: EnvironmentGraph,
    alerts: Sequence[Alert],
    *,
    drift: DriftReport,
    deployers: frozenset[str],
    open_incidents: Sequence[OpenIncident] = (),
    now: datetime | None = None,
    telemetry: Telemetry = NOTHING_MEASURED,
    memories: Sequence[Memory] = (),
    evidence_gaps: Sequence[Gap] = (),
    on_failure: Callable[[str, Exception], None] | None = None,
) -> Diagnosis:
    """Say why alerts fired.

    Args:
        graph: the environment at the time in question.
        alerts: those of one incident.
        drift: comparison of the facets of `graph`.
        deployers: names of the actors that deployments run as.
        open_incidents: other incidents, also resolved ones, for telling an emergency change.
        now: UTC; when the question is asked; the graph's time when None.
        telemetry: what monitoring measured.
        memories: what people said of earlier diagnoses in this environment.
        evidence_gaps: what monitoring did not answer, and why.
        on_failure: told the name of a detector that raises, and the error; the others go on, and what it would have
            found is named as a gap. When None, the error is raised.
    """
    context = Context(
        graph,
        alerts,
        candidates=subjects_of(graph, alerts),
        drift=drift,
        deployers=deployers,
        open_incidents=open_incidents,
        now=now or graph.as_of,
        telemetry=telemetry,
        evidence_gaps=evidence_gaps,
    )
    if not context.subjects:
        _look_everywhere(context)
    hypotheses = joined(merged(_proposed(context, on_failure)))
    hypotheses = [h if h.is_weighed else weighed(context, with_emergency(context, h)) for h in hypotheses]
    looks_like = portrait(context)
    recalled = recall(memories, looks_like, at=context.now)
    hypotheses = [remembered(context, h, recalled) for h in hypotheses]
    hypotheses = with_elimination(context, _unexplained(context, _beyond_the_alert(context, hypotheses)))
    hypotheses = located(hypotheses, context.belongs)
    ranked = rank(hypotheses, doubt=_doubt(context))
    return replace(_result(context, ranked), recalled=recalled, portrait=looks_like)


def _proposed(context: Context, on_failure: Callable[[str, Exception], None] | None) -> Iterator[Hypothesis]:
    """Ask each detector. At night, an answer of the others with a named hole is worth more than none."""
    for detector in DETECTORS:
        name = detector.__name__
        try:
            yield from list(detector(context))
        except Exception as error:
            if on_failure is None:
                raise
            on_failure(name, error)
            why = f"it stopped with {type(error).__name__}, a defect in Plumbline: report it with the service's log"
            context.broken_detectors.append(Gap(what=f"causes that the detector `{name}` would find", why=why))


def subjects_of(graph: EnvironmentGraph, alerts: Sequence[Alert]) -> tuple[Candidate, ...]:
    """Return what several alerts are about, best first: for each resource its best match."""
    best: dict[str, Candidate] = {}
    for alert in alerts:
        for candidate in candidates(graph, alert):
            known = best.get(candidate.uid)
            if known is None or candidate.score > known.score:
                best[candidate.uid] = candidate
    return tuple(sorted(best.values(), key=lambda c: -c.score))


def _look_everywhere(context: Context) -> None:
    """Without a subject every difference is looked at, and all of a namespace where the alerts name that much."""
    named = {namespace_of(context.graph, alert) for alert in context.alerts} - {None}
    context.place = ", ".join(sorted(str(name) for name in named))
    places = {r.uid for r in context.graph if r.namespace in named or (named and r.kind in _EVERYWHERE)}
    everything = sorted({*context.findings, *places})
    context.reach = {uid: Reach(uid=uid, cost=0, path=(uid,), relations=()) for uid in everything}


def _doubt(context: Context) -> Callable[[Hypothesis], float]:
    """Return the doubt in a hypothesis: for gaps, and for what the alert does not name."""
    general = doubt(context)

    def of(hypothesis: Hypothesis) -> float:
        if context.subjects:
            return general
        is_tied = (context.place and is_shown(hypothesis)) or is_measured(hypothesis)
        return general * (_PLACE_DOUBT if is_tied else _NO_SUBJECT_DOUBT)

    return of


def _beyond_the_alert(context: Context, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Drop what says no more than that the alert's own service fails, where a commit was found to explain why."""
    judged = context.commit_verdict
    if judged is None or judged.guilty is None or judged.suspects[0].points < LIKELY:
        return list(hypotheses)
    return [h for h in hypotheses if not (h.only_locates and context.is_subject(h.resource))]


def _unexplained(context: Context, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
    """Drop faults that a known change explains: they are its consequence, not another cause.

    A change explains a fault of the same resource, of one that depends on it, and of one between it and the subject.
    """
    changes = [h for h in hypotheses if _is_bound(h)]
    kept = []
    for hypothesis in hypotheses:
        if hypothesis.is_change or not any(_explains(context, c, hypothesis) for c in changes):
            kept.append(hypothesis)
    return kept


def _is_bound(hypothesis: Hypothesis) -> bool:
    """Whether a change is tied to what fails by more than being there."""
    rules = {p.rule for p in hypothesis.points}
    is_possible = "after_alert" not in rules and hypothesis.weight is not Weight.HARMLESS and total(hypothesis) > 0
    return hypothesis.is_change and is_possible and bool(rules & _BOUND)


def _explains(context: Context, cause: Hypothesis, effect: Hypothesis) -> bool:
    if cause.resource == effect.resource or effect.resource in cause.path:
        return True
    return cause.resource in reach(context.graph, [effect.resource])


def _result(context: Context, ranked: Sequence[Ranked]) -> Diagnosis:
    found = verdict(context, ranked)
    lacking = gaps(context)
    shown = causes(ranked, found)
    if not context.subjects:
        shown = tuple(replace(c, path=()) for c in shown)
    is_well = found is DiagnosisVerdict.HEALTHY
    changed_by = None if is_well else change_verdict(context, ranked)
    accounts = () if is_well else accounts_of(context, _way(shown[0]) if shown else ())
    cited = {i for s in _statements(shown, changed_by, accounts) for i in s.evidence}
    alert_notes = set(context.note_alerts())
    return Diagnosis(
        verdict=found,
        summary=summary(context, found, shown, lacking),
        causes=shown,
        subjects=context.candidates,
        observations=tuple(o for o in context.ledger.observations if o.id in cited | alert_notes),
        gaps=lacking,
        missing=missing(context, ranked, lacking) if found is DiagnosisVerdict.INCONCLUSIVE else (),
        as_of=context.now,
        change=changed_by,
        accounts=accounts,
        unexplained=() if is_well else unexplained(context, accounts),
        first_failing="" if is_well else _first_failing(context, accounts),
        suffering=() if is_well else _suffering(context, accounts),
        remedy=remedy(context, ranked) if shown else None,
    )


def _way(cause: Cause) -> tuple[str, ...]:
    """From the resource of a cause to that of the alert."""
    return (cause.resource, *(uid for uid in reversed(cause.path) if uid != cause.resource))


def _statements(
    shown: Sequence[Cause], changed_by: ChangeVerdict | None, accounts: Sequence[Account]
) -> Iterator[Statement]:
    for cause in shown:
        yield from (*cause.statements, *cause.against)
    for suspicion in changed_by.suspects if changed_by else ():
        yield from suspicion.statements
    for account in accounts:
        yield from (*account.statements, *account.signs)


def _first_failing(context: Context, accounts: Sequence[Account]) -> str:
    """The origin of the leading account where it is known to be unwell; else what the alert is about."""
    if accounts and accounts[0].steps:
        return accounts[0].origin
    return next(iter(context.subjects), "")


def _suffering(context: Context, accounts: Sequence[Account]) -> tuple[str, ...]:
    """Whom the leading account reaches, and who complains at the same time while nobody knows whom it depends on.

    An account follows links that are known. Of one without any it can't tell, and whoever complains is not acquitted by
    that; one that is only asked for more than usual does not suffer. Without an account, all others that complain.
    """
    complain = dict.fromkeys(c.service for c in context.complaints if c.service not in {*context.subjects, ""})
    if not (accounts and accounts[0].steps):
        return tuple(complain)
    linked = {end for link in context.links for end in (link.source, link.target)}
    explained = {uid for a in accounts for uid in (a.origin, *a.victims)}
    lone = [u for u in complain if u not in linked and u not in explained and not _is_only_loaded(context, u)]
    return (*accounts[0].victims, *lone)


def _is_only_loaded(context: Context, uid: str) -> bool:
    signs = context.unwell.get(uid, ())
    return bool(signs) and all(sign.way is Way.LOADED for sign in signs)
