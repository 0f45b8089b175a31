"""Which commit is blamed, over incidents of our own making in several languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from graph.change import Change
from graph.diagnosis.commits import verdict
from graph.diagnosis.commits.causes_outside import Outside
from graph.diagnosis.commits.outside import Apart
from graph.diagnosis.commits.scene import Scene
from graph.diagnosis.commits.trouble import Trouble, troubles_of
from graph.diagnosis.commits.verdict import CommitVerdict, Suspect, is_configuration, rank_commits
from graph.diagnosis.complaints import Complaint
from graph.diagnosis.hypothesis import Reason
from graph.evidence import ObservationKind, SymptomEvent
from graph.telemetry import NOTHING_MEASURED, Call, LogLine, Series, Signal, Telemetry
from tests.graph.diagnosis.commits.incidents import Incident, incidents, mechanisms

ONSET = 10_000.0
LEAK = """+var seen []Request
+func remember(r Request) {
+    seen = append(seen, r)
+}"""


def change(
    kind: str, version: str, at: float, *, uid: str = "", files: tuple[str, ...] = (), diff: str = "", says: str = ""
) -> Change:
    return Change(
        id=f"{kind} {version} {at}",
        uid=uid,
        kind=kind,
        latest=datetime.fromtimestamp(at, UTC),
        reference=version,
        files=files,
        diff=diff,
        summary=says,
    )


def judged(incident: Incident) -> CommitVerdict:
    """The guilty commit arrives first, the innocent ones later and closer to the onset."""
    services = {service for service, _ in incident.says}
    commits, deploys = [], []
    for number, diff in enumerate(filter(None, (incident.guilty, *incident.innocent))):
        name = "guilty" if diff is incident.guilty else f"innocent {number}"
        at = 1000.0 * (number + 1)
        commits.append(change("commit", name, at, files=(diff.file,), diff=diff.text))
        uid = next((s for s in sorted(services) if s in diff.file.split("/")), incident.says[0][0])
        deploys.append(change("deploy", name, at + 300, uid=uid))
    complaints = [Complaint(service=s, text=t, key=str(n)) for n, (s, t) in enumerate(incident.says)]
    subject = incident.says[0][0]
    return rank_commits(
        Scene(commits=commits, deploys=deploys, complaints=complaints, onset=ONSET, subjects=(subject,))
    )


@pytest.mark.parametrize("incident", incidents(), ids=lambda i: i.name)
def test_the_commit_that_explains_the_trouble_is_blamed(incident: Incident) -> None:
    """Or none, with the sort of cause that lies outside."""
    found = judged(incident)
    assert (found.guilty.version if found.guilty else "none") == ("guilty" if incident.guilty else "none")
    if incident.guilty is None:
        assert found.apart is not None
        assert found.apart.sort.name == incident.outside


@pytest.mark.parametrize("incident", mechanisms(), ids=lambda i: i.name)
def test_who_is_shown_is_shown_by_its_own_doing(incident: Incident) -> None:
    """The guilty commit is clear; without it nobody is accused, and the question is open or none is guilty."""
    assert judged(incident).is_clear
    without = judged(replace(incident, guilty=None))
    assert without.guilty is None or not without.is_clear


def scene(
    commits: list[Change],
    *says: str,
    deploys: list[Change] | None = None,
    telemetry: Telemetry = NOTHING_MEASURED,
    flags: tuple[Change, ...] = (),
    service: str = "shop",
) -> Scene:
    """Commits that were each deployed to the service right away, and what it says."""
    arrived = [change("deploy", c.version, c.latest.timestamp() + 60, uid="shop") for c in commits]
    return Scene(
        commits=commits,
        deploys=arrived if deploys is None else deploys,
        complaints=[Complaint(service=service, text=text, key=str(n)) for n, text in enumerate(says)],
        onset=ONSET,
        subjects=("shop",),
        telemetry=telemetry,
        flags=flags,
    )


def leak(at: float = 1000.0, file: str = "shop/log.go") -> Change:
    return change("commit", "leak", at, files=(file,), diff=LEAK)


def test_a_commit_after_the_trouble_began_is_innocent() -> None:
    """A cause can't follow its effect."""
    assert rank_commits(scene([leak(ONSET + 1)], "OOMKilled")).guilty is None


def test_a_commit_that_was_not_deployed_by_then_is_innocent() -> None:
    """It was made in time, and reached nobody."""
    late = [change("deploy", "leak", ONSET + 50, uid="shop")]
    assert rank_commits(scene([leak()], "OOMKilled", deploys=late)).guilty is None


def test_a_commit_rides_along_with_the_next_deployment_of_what_it_touches() -> None:
    """The deployment names a later commit."""
    later = [change("deploy", "another", 5000.0, uid="shop")]
    found = rank_commits(scene([leak()], "OOMKilled", deploys=later)).guilty
    assert found is not None


@pytest.mark.parametrize("file", ["shop/docs/leak.go", "shop/log_test.go", "deploy/staging/values.yaml", "Jenkinsfile"])
def test_what_does_not_run_in_production_is_innocent(file: str) -> None:
    """Documents, tests and other environments."""
    assert rank_commits(scene([leak(file=file)], "OOMKilled")).suspects == ()


def test_another_service_that_nobody_complains_of_is_hardly_suspect() -> None:
    """The same diff counts for little there."""
    here = rank_commits(scene([leak()], "OOMKilled")).suspects[0].points
    for file in ("geo-svc/log.go", "tools/report/log.go"):
        elsewhere = rank_commits(scene([leak(file=file)], "OOMKilled", deploys=[])).suspects[0].points
        assert elsewhere < 0.2 * here


def test_the_folder_of_a_family_belongs_to_all_of_its_services() -> None:
    """The chart of one name deploys all whose names begin with it; one of a longer name is nobody's."""
    arrived = [change("deploy", "another", 5000.0, uid="till-query")]
    family, stranger = (
        rank_commits(scene([leak(file=file)], "OOMKilled", deploys=arrived, service="till-query")).suspects
        for file in ("charts/till/log.go", "charts/tilling/log.go")
    )
    assert family[0].points > 2 * stranger[0].points


def test_a_crate_is_code_that_many_share() -> None:
    """As a package is."""
    crate, package, tool = (
        rank_commits(scene([leak(file=file)], "OOMKilled", deploys=[])).suspects[0].points
        for file in ("crates/ring/log.rs", "packages/ring/log.rs", "tools/ring/log.rs")
    )
    assert crate == package > tool


def test_that_a_certificate_ran_out_accuses_no_change_of_how_it_is_checked() -> None:
    """Also in the words of a virtual machine."""
    said = "SSLHandshakeException: PKIX path validation failed: validity check failed"
    assert Trouble.TLS not in troubles_of(said)
    assert Trouble.TLS in troubles_of(said.replace("validity check failed", "unable to find a path"))


def test_the_plural_of_a_services_own_name_is_no_shared_name() -> None:
    """Every complaint of a shop speaks of shops."""
    found = rank_commits(scene([leak(file="shop/shops.go")], "OOMKilled while shops were listed"))
    assert not any("shops" in reason.text for reason in found.suspects[0].reasons)


def test_documents_beside_settings_leave_a_commit_one_of_configuration() -> None:
    """Nothing runs them; code beside them would be something else."""
    settings = ("deploy/values.yaml", "docs/limits.md")
    assert is_configuration(change("commit", "a", 0.0, files=settings))
    assert not is_configuration(change("commit", "b", 0.0, files=(*settings, "shop/main.go")))
    assert not is_configuration(change("commit", "c", 0.0, files=("docs/limits.md",)))


def climbing(metric: str, *, since: float) -> Series:
    times = np.arange(0.0, ONSET + 300, 60)
    return Series(
        resource="shop",
        metric=metric,
        signal=Signal.OTHER,
        times=times,
        values=100 + np.maximum(0, times - since) * 0.1,
    )


def test_a_commit_that_came_when_memory_was_climbing_already_counts_less() -> None:
    """Of two leaks, the one before the climb."""
    early, late = (
        leak(2000.0),
        change("commit", "late", 8000.0, files=("shop/b.go",), diff=LEAK.replace("seen", "kept")),
    )
    telemetry = Telemetry(series=(climbing("memory_rss", since=2500.0),))
    found = rank_commits(scene([early, late], "OOMKilled", telemetry=telemetry))
    assert found.guilty == early
    assert found.suspects[0].points - found.suspects[1].points > 1


def test_that_a_commit_came_just_before_is_worth_no_more_than_what_else_speaks_for_it() -> None:
    """A change of nothing in particular, minutes before the onset, gets no points for its time alone."""
    late = change("commit", "late", ONSET - 200, files=("shop/shown.go",), diff="-  a := b.Short()\n+  a := b.Long()")
    telemetry = Telemetry(series=(climbing("error_ratio", since=ONSET - 60),))
    found = rank_commits(scene([late], "error_ratio", telemetry=telemetry))
    by_time = [r.worth for r in found.suspects[0].reasons if "after it came" in r.text]
    assert by_time
    assert by_time[0] <= found.suspects[0].points / 2 + 0.001


def test_a_flag_that_the_commit_names_turns_it_on() -> None:
    """The commit waited behind it since long before."""
    diff = '+  if (flags.on("new_price_rules")) {\n+    for (const l of lines) { await api.price(l.sku) }\n+  }'
    hidden = change("commit", "hidden", 1000.0, files=("shop/price.ts",), diff=diff)
    flag = change("feature_flag", "", 9500.0, uid="shop", says="new_price_rules: off->on")
    found = rank_commits(scene([hidden], "http_server_duration_p99_ms", "queries_per_second", flags=(flag,)))
    assert found.guilty == hidden
    assert found.flag == flag


def test_without_its_diff_a_commit_is_a_weak_suspect_by_its_files() -> None:
    """Less than any that was read."""
    blind = change("commit", "blind", 1000.0, files=("shop/scores.go",), says="keep scores")
    found = rank_commits(scene([blind, leak()], "OOMKilled", "too many scores in memory"))
    assert [s.commit.version for s in found.suspects] == ["leak", "blind"]
    assert found.suspects[1].points <= 0.5


def rising(service: str, factor: float) -> Series:
    times = np.arange(0.0, ONSET + 300, 60)
    values = np.where(times > ONSET - 300, 100.0 * factor, 100.0)
    return Series(resource=service, metric="requests_per_sec", signal=Signal.OTHER, times=times, values=values)


CALL = (Call(caller="web", callee="shop"),)


def test_more_requests_from_outside_are_nobodys_commit() -> None:
    """They rise where they come in, and below alike."""
    telemetry = Telemetry(series=(rising("web", 4.0), rising("shop", 4.0)), calls=CALL)
    tidy = change("commit", "tidy", 9000.0, files=("shop/a.go",), diff="-	return x\n+	return load(x)")
    found = rank_commits(scene([tidy], "http_server_duration_p99_ms", "worker queue full", telemetry=telemetry))
    assert found.guilty is None
    assert found.apart is not None
    assert found.apart.sort is Outside.SURGE


def test_more_requests_from_a_caller_that_gets_no_more_are_its_doing() -> None:
    """It asks more for each of its own."""
    telemetry = Telemetry(series=(rising("web", 1.0), rising("shop", 4.0)), calls=CALL)
    eager = change("commit", "eager", 9000.0, files=("web/c.ts",), diff="-  retries: 1,\n+  retries: 8,")
    arrived = [change("deploy", "eager", 9100.0, uid="web")]
    found = rank_commits(scene([eager], "latency", "queue full", telemetry=telemetry, deploys=arrived))
    assert found.guilty == eager


def test_every_reason_adds_up_and_says_why() -> None:
    """Points are the sum of reasons with a sentence each."""
    suspect = rank_commits(scene([leak()], "OOMKilled", "heap growing")).suspects[0]
    assert suspect.points == pytest.approx(sum(r.worth for r in suspect.reasons), abs=0.01)
    assert all(r.text.endswith(".") for r in suspect.reasons)


def refusal(before: str, after: str) -> Change:
    """A commit that adds a check beside one that was there."""
    diff = f' if x == nil {{ return errors.New("{before}") }}\n+if y == nil {{ return errors.New("{after}") }}'
    return change("commit", "check", 9000.0, files=("shop/check.go",), diff=diff)


def test_a_check_that_was_there_before_is_not_what_a_commit_beside_it_brought() -> None:
    """The complaints repeat the text of the old check, or that of the new one."""
    texts = ("invalid order: parcel_id must be set", "parcel_id must be set", "colour must be set")
    old, new = (rank_commits(scene([refusal(*pair)], texts[0])) for pair in (texts[1:], texts[:0:-1]))
    assert new.suspects[0].points > 2 * old.suspects[0].points


def test_what_a_line_of_log_says_is_not_named_by_the_change() -> None:
    """It tells of a failure, and makes none."""
    telling = '+  log.warn("carrier {} refuses", x)\n+  y := 2'
    making = "+  carrier.refuses(x)\n+  y := 2"
    logs, makes = (
        rank_commits(scene([change("commit", "c", 9000.0, files=("shop/c.go",), diff=diff)], "carrier refuses x"))
        for diff in (telling, making)
    )
    assert makes.suspects
    assert makes.suspects[0].points > (logs.suspects[0].points if logs.suspects else 0.0)


def test_what_would_have_failed_at_once_counts_less_after_a_while_without_trouble() -> None:
    """A check refuses the first request as it does the last."""
    telemetry = Telemetry(series=(climbing("rejected_ratio", since=ONSET - 600),))
    diff = '+if y == nil { return errors.New("y is required") }'
    soon, late = (
        rank_commits(
            scene(
                [change("commit", "check", made, files=("shop/check.go",), diff=diff)],
                "y rejected",
                telemetry=telemetry,
            )
        )
        for made in (ONSET - 700, ONSET - 4000)
    )
    assert soon.suspects[0].telling > late.suspects[0].telling


def test_the_same_doing_elsewhere_counts_less_than_to_what_is_named() -> None:
    """Of two commits that take another version of a library, the one whose library the process complains of."""
    one, other = (
        change(
            "commit", name, 9000.0, files=("shop/go.mod",), diff=f"-  acme.io/{name} v1.4.0\n+  acme.io/{name} v1.7.0"
        )
        for name in ("codecs", "queues")
    )
    found = rank_commits(scene([one, other], "panic at startup: codecs registered twice", "cannot start"))
    assert (found.guilty, found.is_clear) == (one, True)
    assert any("Another commit does the same" in r.text for r in found.suspects[1].reasons)


def test_two_that_explain_it_alike_leave_the_question_open() -> None:
    """Neither is clearly ahead."""
    one, other = leak(), change("commit", "other", 1500.0, files=("shop/kept.go",), diff=LEAK.replace("seen", "kept"))
    assert not rank_commits(scene([one, other], "OOMKilled")).is_clear


def test_that_no_commit_explains_it_acquits_none() -> None:
    """Only a cause outside does, or that no commit could have done anything at all."""
    tidy = change("commit", "tidy", 9000.0, files=("shop/a.go",), diff="-\treturn x\n+\treturn load(x)")
    quiet = change("commit", "docs", 9000.0, files=("shop/docs/a.md",), diff="+more words")
    nobody = rank_commits(scene([tidy], "OOMKilled"))
    assert (nobody.guilty, nobody.is_clear) == (None, False)
    assert rank_commits(scene([quiet], "OOMKilled")).is_clear


def test_what_was_climbing_before_a_commit_came_is_not_explained_by_it() -> None:
    """Its own metric tells, where the climb is followed back to where it set out."""
    late = leak(6000.0)
    before, after = (
        rank_commits(scene([late], "OOMKilled", telemetry=Telemetry(series=(climbing("memory_rss", since=since),))))
        for since in (3000.0, 6500.0)
    )
    assert before.suspects[0].fit < 0.3 * after.suspects[0].fit


def test_a_text_that_only_a_commit_writes_ties_it_to_who_says_it() -> None:
    """Also with values in its places; one that stood there before ties nobody."""
    said = Complaint(
        service="shop",
        text="no seat left in hall 7",
        key="said",
        event=SymptomEvent(kind=ObservationKind.LOG, resource="shop", at=None, text=""),
    )
    new = change("commit", "new", 9000.0, files=("shop/a.py",), diff='+    raise Full(f"no seat left in hall {n}")')
    old = change(
        "commit",
        "old",
        9000.0,
        files=("shop/b.py",),
        diff=' raise Full("no seat left in hall")\n+    count(1)\n+    x = 2',
    )
    found = rank_commits(replace(scene([new, old]), complaints=[said]))
    assert any("very words" in r.text for r in found.suspects[0].reasons)
    assert found.suspects[0].commit == new
    assert not any("very words" in r.text for s in found.suspects[1:] for r in s.reasons)


def test_work_by_hand_that_was_never_seen_before_is_a_cause_outside() -> None:
    """A heavy statement of somebody's own session; the same from a job that always runs is none."""
    logs = [
        LogLine(
            resource="store",
            at=None,
            severity="info",
            text="statement: VACUUM FULL seats",
            baseline=baseline,
            attributes={"application": "psql"},
        )
        for baseline in (0.0, 4.0)
    ]
    once, always = (rank_commits(scene([], "lock wait", telemetry=Telemetry(logs=(line,)))) for line in logs)
    assert once.apart is not None
    assert once.apart.sort is Outside.STORE
    assert always.apart is None


def test_a_name_that_nobody_misses_was_hardly_renamed_to_their_harm() -> None:
    """Whoever misses a name says which."""
    renamed = change("commit", "c", 9000.0, files=("shop/msg.go",), diff='-  "recieved"\n+  "received"')
    said, silent = (rank_commits(scene([renamed], f"cannot decode: {what}")) for what in ("recieved", "hall"))
    assert silent.suspects[0].fit < 0.5 * said.suspects[0].fit


def test_that_a_commit_came_at_the_right_moment_does_not_accuse_it_alone() -> None:
    """It needs a good explanation, or close ties, beside."""
    telemetry = Telemetry(series=(climbing("rejected_ratio", since=ONSET - 60),))
    weak = change("commit", "weak", ONSET - 200, files=("shop/a.go",), diff="-  a := b.Short()\n+  a := b.Long()")
    found = rank_commits(scene([weak], "rejected", telemetry=telemetry))
    assert found.suspects[0].is_alone
    assert not found.is_clear


def suspect(points: float, *, fit: float = 0.3, tied: float = 0.5) -> Suspect:
    one = change("commit", "c", 1000.0)
    return Suspect(commit=one, points=points, reasons=(), telling=points, fit=fit, tied=tied)


@pytest.mark.parametrize(
    ("first", "second", "is_clear"),
    [
        pytest.param(suspect(2.0), suspect(0.9), True, id="far ahead"),
        pytest.param(suspect(2.0), suspect(1.4), False, id="another is near"),
        pytest.param(suspect(1.0), suspect(0.1), False, id="too little speaks for it"),
        pytest.param(suspect(2.0, tied=0.0), suspect(0.1), False, id="nothing ties it to the complaints"),
    ],
)
def test_one_that_stands_out_is_clear_with_less(first: Suspect, second: Suspect, *, is_clear: bool) -> None:
    assert verdict._is_clear([first, second], None) is is_clear


@pytest.mark.parametrize(("outside", "is_clear"), [(3.0, True), (3.9, False)])
def test_a_commit_must_outweigh_what_speaks_for_a_cause_outside(outside: float, *, is_clear: bool) -> None:
    """Both may have much for them, and then the question is open."""
    apart = Apart(next(iter(Outside)), (Reason(worth=outside, text="A provider fails.", about=()),))
    assert verdict._is_clear([suspect(4.0, fit=3.0, tied=1.0), suspect(0.2)], apart) is is_clear
