"""The last word, by rule: cause found, inconclusive with what is missing, or healthy. A guess is none of them."""

from __future__ import annotations

from collections.abc import Sequence

from graph.diagnosis.calibration import confidence_of
from graph.diagnosis.context import CURRENT, Context
from graph.diagnosis.gaps import blind_spots
from graph.diagnosis.ranking import FOUND, Ranked, counted, is_rival, is_shown, worth
from graph.diagnosis.result import Cause, CauseState, DiagnosisVerdict, Statement
from graph.diagnosis.symptoms import is_current
from graph.evidence import Gap

MARGIN = 0.15
"""By how much it must lead every other story."""
SHOWN = 0.05
"""Hypotheses of less are shown only when points speak against them: a theory that was discarded is worth knowing."""
WORTH_TELLING = 0.3
"""An uncertain cause below this is not put into the summary: people remember the first thing they read."""
MAX_SHOWN = 10


def verdict(context: Context, ranked: Sequence[Ranked]) -> DiagnosisVerdict:
    """Decide what may be said."""
    if (context.subjects or context.place) and ranked:
        top = ranked[0]
        rest = [r.confidence for r in ranked[1:] if is_rival(r.hypothesis, top.hypothesis)]
        is_cause = not (top.hypothesis.only_locates and context.is_subject(top.hypothesis.resource))
        if is_cause and top.confidence >= FOUND and top.confidence - max(rest, default=0.0) >= MARGIN:
            return DiagnosisVerdict.CAUSE_FOUND
    return DiagnosisVerdict.HEALTHY if _is_healthy(context) else DiagnosisVerdict.INCONCLUSIVE


def causes(ranked: Sequence[Ranked], found: DiagnosisVerdict) -> tuple[Cause, ...]:
    """Turn hypotheses into causes, best first; a healthy system has none."""
    if found is DiagnosisVerdict.HEALTHY:
        return ()
    out: list[Cause] = []
    for index, item in enumerate(ranked[:MAX_SHOWN]):
        h = item.hypothesis
        points = counted(h)
        pro = tuple(Statement(text=p.text, evidence=p.evidence) for p in points if worth(p) > 0)
        contra = tuple(Statement(text=p.text, evidence=p.evidence) for p in points if worth(p) < 0)
        if item.confidence < SHOWN and not contra:
            continue
        state = CauseState.POSSIBLE
        if index == 0 and item.confidence > 0:
            state = CauseState.LEADING
        elif item.points <= 0 or any(p.rule == "after_alert" for p in points):
            state = CauseState.DISPROVEN
        out.append(
            Cause(
                resource=h.resource,
                kind=h.kind,
                summary=h.summary,
                # Sorts of evidence are put right differently: one that is second is not surer than the first.
                confidence=min([confidence_of(h, item.confidence), *(c.confidence for c in out[-1:])]),
                state=state,
                statements=pro,
                against=contra,
                change=h.change,
                drift=h.drift,
                path=h.path,
                strength=item.confidence if is_shown(h) else None,
            )
        )
    return tuple(out)


def missing(context: Context, ranked: Sequence[Ranked], gaps: Sequence[Gap]) -> tuple[str, ...]:
    """Say what would settle an inconclusive diagnosis, most useful first."""
    out = []
    if not context.subjects and not context.place:
        out.append("A label or a name in the alert that a resource of this environment has.")
    top = ranked[0] if ranked else None
    close = [r for r in ranked[1:] if top and r.confidence >= top.confidence - MARGIN and r.confidence > 0]
    if top and close and is_rival(close[0].hypothesis, top.hypothesis):
        one, other = context.name(top.hypothesis.resource), context.name(close[0].hypothesis.resource)
        out.append(f"Something that tells {one} from {other}: a log line that names one of them, or reverting one.")
    elif top and top.confidence > 0:
        name = context.name(top.hypothesis.resource)
        out.append(f"A log line, event or reading that ties the failure to {name}.")
    elif context.subjects:
        out.append("A log line, event or trace that names what fails: nothing that was read does.")
    out += [f"{gap.what[:1].upper()}{gap.what[1:]}: {gap.why}." for gap in gaps]
    return tuple(dict.fromkeys(out))


def summary(context: Context, found: DiagnosisVerdict, shown: Sequence[Cause], gaps: Sequence[Gap]) -> str:
    """One or two sentences for somebody who was just woken up."""
    name = context.name(context.subjects[0]) if context.subjects else context.place
    if found is DiagnosisVerdict.CAUSE_FOUND:
        return f"{shown[0].summary}{_reaching(context, shown[0])}"
    if found is DiagnosisVerdict.HEALTHY:
        return f"{name} runs as declared, the platform reports no fault, and it complains of nothing."
    if not name:
        return "The alert names nothing that this environment knows, so no cause can be given."
    unseen = f" Not seen: {', '.join(dict.fromkeys(gap.what for gap in gaps[:3]))}." if gaps else ""
    if shown and shown[0].confidence >= WORTH_TELLING:
        return f"It is not certain why the alert on {name} fired. Most likely so far: {shown[0].summary}{unseen}"
    return f"Nothing that is known explains the alert on {name}.{unseen}"


def _reaching(context: Context, cause: Cause) -> str:
    if len(cause.path) < 2 or cause.path[0] == cause.resource:
        return ""
    return f" {context.name(cause.path[0])} depends on it."


def _is_healthy(context: Context) -> bool:
    """Only when everything about the subjects was read, lately, and nothing in it is wrong."""
    if not context.subjects or any(True for _ in blind_spots(context)):
        return False
    if any(context.faults.get(uid) for uid in context.reach) or any(context.findings.get(u) for u in context.reach):
        return False
    if context.cuts and any(not cut.is_declared for cut in context.cuts):
        return False
    if any(uid in context.unwell_now for uid in context.subjects):
        return False
    return not any(is_current(r, context.now, CURRENT) and r.at is not None for r in context.readings)
