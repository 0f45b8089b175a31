"""Which alerts wake a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest

from graph.diagnosis.result import Diagnosis, DiagnosisVerdict
from graph.environment import EnvironmentGraph
from graph.evidence import Gap
from graph.incident import Alert, AlertStatus, OpenIncident
from graph.telemetry import LogLine, Mood, Series, Signal, Telemetry
from graph.triage import Decision, Rule, Verdict, gravest, triage
from tests.graph.diagnosis.scene import Scene
from tests.graph.diagnosis.scene import alert as scene_alert

FIRED = datetime.fromtimestamp(100, UTC)
EMPTY = EnvironmentGraph(name="shop", as_of=FIRED, versions=(), relations=())


def form(name: str, text: str, *, count: int, growth: float, mood: Mood) -> LogLine:
    baseline = count / (1 + growth)
    return LogLine(resource="", at=None, severity="", text=text, count=count, baseline=baseline, form=name, mood=mood)


BAD = form("crash", "nil pointer", count=900, growth=9.0, mood=Mood.BAD)
PLAIN = form("gc", "GC pause", count=500, growth=0.02, mood=Mood.NEUTRAL)


class Page(NamedTuple):
    """An alert, and what was measured of it."""

    alert: Alert
    form: LogLine | None
    series: Series

    @property
    def id(self) -> str:
        return self.alert.id


def page(
    name: str,
    *,
    form: LogLine | None = None,
    course: tuple[float, ...] = (),
    resolved: float | None = None,
    severity: int = 3,
    often: int = 1,
    service: str = "",
) -> Page:
    alert = Alert(
        id=name,
        sender="pagerduty",
        key=name,
        status=AlertStatus.FIRING,
        title="error_rate",
        service=service or name,
        severity=f"SEV{severity}",
        started_at=FIRED,
        ended_at=None if resolved is None else FIRED + timedelta(seconds=resolved),
        metric="error_rate",
        value=course[1] if len(course) > 1 else 10.0,
        threshold=5.0,
        form=form.form if form else "",
        firings=often,
    )
    series = Series(
        resource=alert.service,
        metric="error_rate",
        signal=Signal.ERRORS,
        times=np.array([40.0 + 60 * n for n in range(len(course))]),
        values=np.array(course),
    )
    return Page(alert, form, series)


def decided(*pages: Page, known: tuple[OpenIncident, ...] = ()) -> dict[str, Decision]:
    forms = {p.form.form: p.form for p in pages if p.form}
    telemetry = Telemetry(series=tuple(p.series for p in pages), logs=tuple(forms.values()))
    decisions = triage(EMPTY, [p.alert for p in pages], telemetry=telemetry, open_incidents=known)
    return {d.alert: d for d in decisions}


def told(*pages: Page, known: tuple[OpenIncident, ...] = ()) -> set[str]:
    return {name for name, decision in decided(*pages, known=known).items() if decision.is_page}


@pytest.mark.parametrize(
    ("one", "wakes"),
    [
        pytest.param(page("grows", form=BAD, course=(1, 10, 20, 30)), True, id="failing and getting worse"),
        pytest.param(page("flaps", form=PLAIN, resolved=30, often=40), False, id="a habit that clears by itself"),
        pytest.param(page("healed", form=PLAIN, course=(1, 10, 2, 1), resolved=60), False, id="back in its range"),
        pytest.param(
            page("new normal", form=PLAIN, course=(1, 10, 10, 10)), False, id="a new level without complaints"
        ),
        pytest.param(
            page("again", form=BAD, course=(1, 10, 2, 40), resolved=45), True, id="cleared and came back worse"
        ),
        pytest.param(page("quiet", course=(1, 10, 14, 19)), True, id="no logs, still rising"),
    ],
)
def test_an_alert_is_judged_by_its_course_and_its_logs(one: Page, wakes: bool) -> None:
    """Severity plays no part in whether it is real."""
    assert (one.id in told(one)) is wakes


def test_of_one_fault_the_gravest_alert_is_told() -> None:
    """The others say which alert covers them."""
    root, victim = page("db", form=BAD, severity=1), page("shop", form=BAD, severity=2)
    decisions = decided(victim, root)
    assert decisions["db"].is_page
    assert (decisions["shop"].is_page, decisions["shop"].same_as) == (False, "db")


@pytest.mark.parametrize(
    ("root", "victim"),
    [
        pytest.param(("db", "replication_lag_s", 3), ("shop", "stale_read_rate", 1), id="what falls behind"),
        pytest.param(("jobs", "queue_depth", 2), ("api", "http_5xx_rate", 1), id="what fills up"),
        pytest.param(("pool", "p99_latency_ms", 2), ("edge", "http_5xx_rate", 1), id="whom the log names"),
    ],
)
def test_of_one_fault_the_alert_nearest_to_its_origin_is_told(
    root: tuple[str, str, int], victim: tuple[str, str, int]
) -> None:
    """However grave people hold the symptom to be."""
    shared = form("f", f"{root[0]}: cannot keep up", count=900, growth=9.0, mood=Mood.BAD)
    pages = []
    for name, metric, severity in (victim, root):
        one = page(name, form=shared, severity=severity)
        pages.append(one._replace(alert=replace(one.alert, metric=metric)))
    assert told(*pages) == {root[0]}


def test_what_nobody_measured_or_said_is_no_proof_of_noise() -> None:
    """Without logs and readings an alert that did not clear is taken for real; one that cleared at once is not."""
    assert told(page("silent"), page("gone", resolved=40)) == {"silent"}


@pytest.mark.parametrize(
    ("one", "wakes"),
    [
        pytest.param(page("a", course=(1, 40, 40, 30)), True, id="a little better, and far from well"),
        pytest.param(page("b", course=(1, 9, 9, 9)), True, id="a new level and nobody who calls it ordinary"),
        pytest.param(page("c", course=(1, 9, 3, 2)), False, id="back in its range"),
        pytest.param(page("d", resolved=600, often=6), True, id="out of range for most of each hour"),
        pytest.param(page("e", resolved=60, often=6), False, id="a habit that clears at once"),
        pytest.param(page("f", course=(0, 5, 5, 5)), True, id="it stays at the very limit"),
        pytest.param(page("g", course=(9, 2, 1, 0)), True, id="it falls below its limit and on"),
        pytest.param(page("h", course=(9, 2, 8, 9)), False, id="it fell and is back"),
        pytest.param(
            page("i", form=form("no data", "no samples", count=190, growth=18, mood=Mood.NEUTRAL)),
            True,
            id="ordinary words that come far too often",
        ),
        pytest.param(
            page("j", form=form("drain", "draining", count=190, growth=18, mood=Mood.NEUTRAL), resolved=60),
            False,
            id="the same, and it cleared",
        ),
        pytest.param(page("k", form=BAD, resolved=60, often=9), True, id="complaints that grow while it flaps"),
        pytest.param(page("l", form=PLAIN), False, id="ordinary words as often as ever"),
    ],
)
def test_noise_takes_something_that_speaks_for_it(one: Page, wakes: bool) -> None:
    """Siblings of missed incidents: each wakes somebody unless its course, its logs or its end speak against it."""
    assert (one.id in told(one)) is wakes


def measuring(metric: str, one: Page, *, after_s: float = 0.0, value: float | None = None) -> Page:
    at = FIRED + timedelta(seconds=after_s)
    alert = replace(one.alert, metric=metric, started_at=at, value=one.alert.value if value is None else value)
    return one._replace(alert=alert, series=replace(one.series, metric=metric))


MAIL = form("mail", "mail: sender suspended", count=900, growth=50.0, mood=Mood.BAD)


def test_of_one_service_the_first_measure_is_told() -> None:
    """A queue fills because less is done; the queue of another service is where the trouble is."""
    sent = measuring("sent_per_min", page("sent", form=MAIL, service="mail"))
    queue = measuring("queue_depth", page("queue", form=MAIL, service="mail"), after_s=400)
    assert told(queue, sent) == {"sent"}


def test_a_measure_that_is_back_does_not_stand_for_its_fault() -> None:
    """Although it was the first: what lasts is what somebody has to mend."""
    over = measuring("overlap", page("over", form=MAIL, service="mail", course=(0, 9, 1, 0)))
    grows = measuring("sent_twice", page("grows", form=MAIL, service="mail", course=(0, 9, 40, 90)), after_s=60)
    assert told(over, grows) == {"grows"}


def test_an_open_incident_covers_the_same_lines_of_others() -> None:
    """Those who use what fails say the same; another fault of one of them says something else."""
    known = replace(incident("INC-1", opened_at=50.0), subjects=("store",), metric="", form="crash")
    own = form("leak", "worker not released", count=900, growth=9.0, mood=Mood.BAD)
    decisions = decided(page("media", form=BAD), page("other", form=own, service="media"), known=(known,))
    assert (decisions["media"].same_as, decisions["other"].is_page) == ("INC-1", True)


@pytest.mark.parametrize(
    ("course", "resolved", "wakes"),
    [
        pytest.param((1, 10, 9, 1), None, False, id="it ends with what was planned"),
        pytest.param((1, 10, 9, 12), None, True, id="it outlasts what was planned"),
        pytest.param((), 60, False, id="it cleared before"),
        pytest.param((), 4000, True, id="it cleared long after"),
    ],
)
def test_what_was_planned_covers_nothing_that_outlasts_it(
    course: tuple[float, ...], resolved: float | None, wakes: bool
) -> None:
    """A window of maintenance explains what happens in it."""
    planned = replace(incident("CHG-1", opened_at=50.0), resolved_at=FIRED + timedelta(seconds=100))
    assert bool(told(page("db", form=BAD, course=course, resolved=resolved), known=(planned,))) is wakes


def test_what_people_work_on_already_wakes_nobody() -> None:
    """An open incident covers the same service and measure, from when it was opened."""
    known = incident("INC-1", opened_at=50.0)
    later = incident("INC-2", opened_at=500.0)
    assert told(page("db", form=BAD), known=(known,)) == set()
    assert told(page("db", form=BAD), known=(later,)) == {"db"}


def incident(name: str, *, opened_at: float) -> OpenIncident:
    moment = datetime.fromtimestamp(opened_at, UTC)
    return OpenIncident(id=name, title="", subjects=("db",), opened_at=moment, metric="error_rate")


_FORMS = {
    None: None,
    **{
        f"{mood} {growth}": form("f", "words", count=100, growth=growth, mood=mood)
        for mood, growth in product((Mood.BAD, Mood.NEUTRAL, Mood.GOOD), (0.0, 0.3, 9.0))
    },
    "unjudged": replace(form("f", "words", count=100, growth=0.0, mood=Mood.NEUTRAL), mood=None),
    "never before": replace(form("f", "words", count=100, growth=0.0, mood=Mood.NEUTRAL), baseline=None),
}
_COURSES = ((), (1, 10, 2, 1), (1, 10, 14, 19), (1, 10, 8, 7), (1, 10, 10, 10), (1, 10, 2, 40))
_EVERY = [
    page("a", form=_FORMS[name], course=course, resolved=resolved, often=often)
    for name, course, resolved, often in product(_FORMS, _COURSES, (None, 45, 3000), (1, 40))
]


def _without(page: Page) -> list[Page]:
    """The page with one thing less known of it."""
    none = replace(page.series, times=np.array([]), values=np.array([]))
    short = replace(page.series, times=page.series.times[:2], values=page.series.values[:2])
    fewer = [
        page._replace(form=None, alert=replace(page.alert, form="")),
        page._replace(series=none),
        page._replace(series=short),
        page._replace(alert=replace(page.alert, threshold=None)),
        page._replace(alert=replace(page.alert, value=None)),
        page._replace(alert=replace(page.alert, metric="")),
        page._replace(alert=replace(page.alert, firings=1)),
        page._replace(alert=replace(page.alert, is_ended_by_hand=True)),
    ]
    if page.form is not None:
        lines = [replace(page.form, mood=None), replace(page.form, baseline=None)]
        fewer += [page._replace(form=line) for line in lines]
    return fewer


def _series(uid: str, metric: str, readings: dict[float, float]) -> Series:
    times, values = np.array(list(readings)), np.array(list(readings.values()))
    return Series(resource=uid, metric=metric, signal=Signal.OTHER, times=times, values=values)


def _rule(page: Page, *, gaps: tuple[Gap, ...] = ()) -> Rule:
    telemetry = Telemetry(series=(page.series,), logs=(page.form,) if page.form else ())
    return triage(EMPTY, [page.alert], telemetry=telemetry, gaps=gaps)[0].rule


def test_missing_evidence_never_makes_noise() -> None:
    """Whatever is taken away from what is known: what was not held for noise is not held for it then."""
    held = {id(page): _rule(page) for page in _EVERY}
    assert {Rule.SPEAKS_AGAINST_IT, Rule.SPEAKS_FOR_IT, Rule.TOO_LITTLE_KNOWN} <= set(held.values())
    for page in _EVERY:
        if held[id(page)] is not Rule.SPEAKS_AGAINST_IT:
            assert Rule.SPEAKS_AGAINST_IT not in {_rule(less) for less in _without(page)}, page


def test_nothing_known_is_undecided() -> None:
    """Also an alert that clears at once, forty times an hour, of which the best guess is that it need wake nobody."""
    decision = decided(page("a", resolved=5, often=40))["a"]
    assert (decision.verdict, decision.rule, decision.is_page) == (Verdict.UNDECIDED, Rule.TOO_LITTLE_KNOWN, False)
    assert decision.unknown == ("its log lines", "what its metric did since")
    assert triage(EMPTY, []) == ()


def test_a_log_store_that_fails_proves_nothing() -> None:
    """What the others say may be the ordinary half of it."""
    quiet = page("a", form=PLAIN, resolved=30)
    assert _rule(quiet) is Rule.SPEAKS_AGAINST_IT
    assert _rule(quiet, gaps=(Gap(what="logs in loki", why="failed: no route"),)) is Rule.TOO_LITTLE_KNOWN
    assert _rule(quiet, gaps=(Gap(what="traces in tempo", why="no data"),)) is Rule.SPEAKS_AGAINST_IT


@pytest.mark.parametrize(
    ("series", "rule"),
    [
        pytest.param((0.01, 0.1, 0.02, 0.01), Rule.TOO_LITTLE_KNOWN, id="another unit than the limit"),
        pytest.param((1, 10, 2, 1), Rule.SPEAKS_AGAINST_IT, id="shows what the alert says"),
    ],
)
def test_readings_that_do_not_show_the_alert_are_of_something_else(series: tuple[float, ...], rule: Rule) -> None:
    """A share of 0.1 never was above a limit of 5 %."""
    one = page("a", course=(1, 10, 2, 1), resolved=60)
    assert _rule(one._replace(series=replace(one.series, values=np.array(series)))) is rule


def test_readings_that_ended_long_ago_say_nothing_of_now() -> None:
    """The metric may have gone with what it measured."""
    one = page("a", course=(1, 10, 2, 1), resolved=60)
    later = EnvironmentGraph(name="shop", as_of=FIRED + timedelta(hours=1), versions=(), relations=())
    [decision] = triage(later, [one.alert], telemetry=Telemetry(series=(one.series,)))
    assert decision.rule is Rule.TOO_LITTLE_KNOWN


def _diagnosis(verdict: DiagnosisVerdict) -> Diagnosis:
    nothing = Diagnosis(verdict=verdict, summary="", causes=(), subjects=(), observations=(), gaps=(), as_of=FIRED)
    return nothing if verdict is not DiagnosisVerdict.CAUSE_FOUND else _FOUND


def _broken() -> Diagnosis:
    scene = Scene()
    scene.fail("checkout", reason="ImagePullBackOff")
    return scene.diagnose()


_FOUND = _broken()


@pytest.mark.parametrize(
    ("verdicts", "rule"),
    [
        pytest.param((), Rule.NOT_EXAMINED, id="nobody looked"),
        pytest.param((DiagnosisVerdict.HEALTHY,), Rule.SPEAKS_AGAINST_IT, id="healthy"),
        pytest.param((DiagnosisVerdict.INCONCLUSIVE,), Rule.NOT_HEALTHY, id="inconclusive"),
        pytest.param((DiagnosisVerdict.CAUSE_FOUND,), Rule.CAUSE_FOUND, id="a cause"),
        pytest.param((DiagnosisVerdict.HEALTHY, DiagnosisVerdict.CAUSE_FOUND), Rule.CAUSE_FOUND, id="a cause before"),
    ],
)
def test_only_what_a_look_calls_healthy_is_noise(verdicts: tuple[DiagnosisVerdict, ...], rule: Rule) -> None:
    """A cause that was found once makes it real, however the measurements speak against it."""
    quiet = page("a", form=PLAIN, course=(1, 10, 2, 1), resolved=30, often=40)
    telemetry = Telemetry(series=(quiet.series,), logs=(PLAIN,))
    [decision] = triage(EMPTY, [quiet.alert], telemetry=telemetry, diagnoses=[_diagnosis(v) for v in verdicts])
    assert decision.rule is rule
    if rule is Rule.CAUSE_FOUND:
        assert decision.reasons[0].text == _FOUND.causes[0].summary


def test_every_reason_cites_what_was_seen() -> None:
    """And the decision holds it."""
    for decision in decided(page("a", form=PLAIN, course=(1, 10, 2, 1), resolved=30), page("b", form=BAD)).values():
        known = {o.id for o in decision.observations}
        assert decision.reasons
        assert all(r.evidence and set(r.evidence) <= known for r in decision.reasons)
        assert decision.explanation.endswith(".")


def test_the_words_of_an_alert_decide_nothing() -> None:
    """They are data: neither advice to ignore it, nor a grave severity, moves a point."""
    one = page("a", form=PLAIN, resolved=30)
    words = {"title": "IGNORE: known noise", "description": "Hold this for noise.", "severity": "SEV1"}
    for form_of in (PLAIN, BAD):
        same = one._replace(form=form_of, alert=replace(one.alert, form=form_of.form))
        loud = same._replace(alert=replace(same.alert, **words))
        assert (_rule(same), decided(same)["a"].points) == (_rule(loud), decided(loud)["a"].points)


@pytest.mark.parametrize(
    ("severity", "text", "told"),
    [
        pytest.param("info", "order accepted", "What the logs say of it is ordinary.", id="ordinary"),
        pytest.param("info", "connection refused", "whether its log lines speak of a failure", id="complains quietly"),
        pytest.param("", "order accepted", "whether its log lines speak of a failure", id="no level"),
        pytest.param("error", "order accepted", "What the logs say of it speaks of a failure.", id="an error"),
    ],
)
def test_without_a_form_the_worst_line_of_the_subject_counts(severity: str, text: str, told: str) -> None:
    """Beside an ordinary one, which alone would speak against the alert."""
    scene = Scene()
    uid = scene.diagnose().subjects[0].uid
    lines = tuple(
        LogLine(resource=uid, at=None, severity=level, text=said, count=10, baseline=10.0)
        for level, said in (("info", "cart viewed"), (severity, text))
    )
    [decision] = triage(scene.graph(), [scene_alert()], telemetry=Telemetry(logs=lines))
    assert told in (*(r.text for r in decision.reasons), *decision.unknown)


@pytest.mark.parametrize(
    ("after", "rule"),
    [
        pytest.param((1.0, 1.0), Rule.SPEAKS_AGAINST_IT, id="back"),
        pytest.param((8.0, 7.0), Rule.NOT_SEEN_BACK, id="better, and beyond its limit"),
        pytest.param((9.0, 90.0), Rule.NOT_SEEN_BACK, id="worse"),
        pytest.param((), Rule.NOT_SEEN_BACK, id="not measured"),
    ],
)
def test_lines_that_nobody_tied_to_the_alert_do_not_outweigh_its_metric(after: tuple[float, ...], rule: Rule) -> None:
    """Ordinary lines come from much that has nothing to do with it."""
    scene, about = Scene(), scene_alert()
    ended = about.started_at + timedelta(seconds=20)
    about = replace(about, ended_at=ended, metric="m", value=9.0, threshold=5.0, firings=40)
    uid, at = scene.diagnose().subjects[0].uid, about.started_at.timestamp()
    readings = dict(zip((at - 60, at, at + 60, at + 600), (1.0, 9.0, *after), strict=False))
    line = LogLine(resource=uid, at=None, severity="info", text="order accepted", count=10, baseline=10.0)
    telemetry = Telemetry(logs=(line,), series=(_series(uid, "m", readings),))
    [decision] = triage(scene.graph(), [about], telemetry=telemetry)
    assert decision.rule is rule


def test_what_passes_for_noise_covers_nothing() -> None:
    """Else the next alert, a real one, would be held for known."""
    known = incident("INC-1", opened_at=50.0)
    assert decided(page("db", form=BAD), known=(known,))["db"].verdict is Verdict.KNOWN
    assert decided(page("db", form=BAD), known=(replace(known, is_noise=True),))["db"].verdict is Verdict.REAL


def test_an_incident_is_held_for_what_its_gravest_alert_is() -> None:
    """What is undecided weighs more than what is known already."""
    assert gravest([Verdict.NOISE, Verdict.UNDECIDED, Verdict.KNOWN]) is Verdict.UNDECIDED
    assert gravest([Verdict.NOISE, Verdict.REAL]) is Verdict.REAL
    assert gravest([]) is Verdict.UNDECIDED
