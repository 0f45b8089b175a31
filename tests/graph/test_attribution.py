"""Tests of attribution: who changed what, when, and through which channel."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from graph.attribution import attribute
from graph.change import Actor, ActorType, Change, Channel
from graph.diagnosis.telling import told
from graph.document import ABSENT
from graph.drift import Finding, Verdict
from graph.resource import Facet
from graph.version import Origin, Version
from tests.graph.builders import NOW, EstateBuilder, manifest, resource_of

DEPLOYER = "system:serviceaccount:ci:deployer"
DEPLOYERS = frozenset({DEPLOYER})
HUMAN = Actor(name="mara@example.org", type=ActorType.HUMAN, session="console")
PIPELINE = Actor(name=DEPLOYER, type=ActorType.AUTOMATION)
PATH = "/data/TIMEOUT"
SEEN_GOOD, SEEN_BAD = NOW - timedelta(minutes=40), NOW - timedelta(minutes=30)
AT = NOW - timedelta(minutes=35)


def config(value: str | None) -> dict[str, Any]:
    """Return a ConfigMap with this value, or without it."""
    return manifest("ConfigMap", "settings", data={} if value is None else {"TIMEOUT": value})


def estate(*, intended: str | None = "30", good: str | None = "30", bad: str | None = "1") -> EstateBuilder:
    """Return an estate in which a value was seen good, then bad."""
    builder = EstateBuilder()
    builder.put(Facet.INTENDED, config(intended), origin=Origin(file="c.yaml", commit="c1"))
    builder.put(Facet.APPLIED, config(intended))
    builder.put(Facet.ACTUAL, config(bad), since=SEEN_BAD)
    builder.past(
        Version(
            resource=resource_of(config(good)),
            facet=Facet.ACTUAL,
            body=config(good),
            source="actual:demo",
            valid_from=NOW - timedelta(days=2),
            valid_to=SEEN_BAD,
            last_seen=SEEN_GOOD,
            recorded_at=NOW - timedelta(days=2),
        )
    )
    return builder


def finding(*, intended: Any = "30", actual: Any = "1", verdict: Verdict = Verdict.OUT_OF_BAND_CHANGE) -> Finding:
    """Return the finding that the estate leads to."""
    return Finding(
        resource=resource_of(config("x")),
        path=PATH,
        verdict=verdict,
        intended=intended,
        applied=intended,
        actual=actual,
    )


def write(actor: Actor | None, after: Any = "1", *, at: datetime = AT, path: str = PATH, **rest: Any) -> Change:
    """Return an audit record of a write."""
    uid = resource_of(config("x")).uid
    fields = {"id": f"w-{actor.name if actor else ''}-{at:%H%M%S}-{after}", "kind": "config", "source": "audit"}
    return Change(uid=uid, path=path, after=after, earliest=at, latest=at, actor=actor, **(fields | rest))


def run(earliest: datetime, latest: datetime, *, reference: str = "c1", uid: str | None = None) -> Change:
    """Return a deployment run of the ConfigMap."""
    return Change(
        id=f"run-{earliest:%H%M}",
        uid=resource_of(config("x")).uid if uid is None else uid,
        kind="deploy",
        earliest=earliest,
        latest=latest,
        actor=PIPELINE,
        reference=reference,
        run="42",
    )


def test_a_person_in_the_audit_log_is_by_hand_at_an_instant() -> None:
    """A record whose body sets the observed value is proof of time and actor."""
    builder = estate()
    builder.change(write(HUMAN))
    change = attribute(builder.graph(), finding(), deployers=DEPLOYERS)
    assert (change.channel, change.actor) == (Channel.BY_HAND, HUMAN)
    assert change.earliest == change.latest == AT
    assert (change.before, change.after, change.path) == ("30", "1", PATH)
    assert change.evidence == (write(HUMAN).id,)


def test_without_records_the_interval_is_what_was_seen() -> None:
    """Onset lies between the last sight of the old value and the first of the new one; the actor is unknown."""
    change = attribute(estate().graph(), finding(), deployers=DEPLOYERS)
    assert (change.earliest, change.latest) == (SEEN_GOOD, SEEN_BAD)
    assert (change.channel, change.actor, change.evidence) == (Channel.UNKNOWN, None, ())


def test_never_seen_otherwise_leaves_the_beginning_open() -> None:
    """What was drifted at first sight drifted before it, nobody knows when."""
    builder = EstateBuilder()
    builder.put(Facet.INTENDED, config("30"))
    builder.put(Facet.ACTUAL, config("1"), since=SEEN_BAD)
    change = attribute(builder.graph(), finding(), deployers=DEPLOYERS)
    assert (change.earliest, change.latest) == (None, SEEN_BAD)


def test_the_last_deployment_bounds_the_beginning() -> None:
    """The deployment that wrote the declared value shows that it was right then."""
    builder = EstateBuilder()
    builder.put(Facet.INTENDED, config("30"))
    builder.put(Facet.APPLIED, config("30"))
    builder.put(Facet.ACTUAL, config("1"), since=SEEN_BAD)
    end = NOW - timedelta(hours=5)
    builder.change(run(end - timedelta(minutes=2), end))
    assert attribute(builder.graph(), finding(), deployers=DEPLOYERS).earliest == end


@pytest.mark.parametrize(
    ("value", "window", "expected"),
    [
        pytest.param(
            "30", (AT - timedelta(minutes=2), AT + timedelta(minutes=2)), Channel.DEPLOYMENT, id="run-renders-it"
        ),
        pytest.param(
            "1", (AT - timedelta(minutes=2), AT + timedelta(minutes=2)), Channel.BY_HAND, id="run-renders-other"
        ),
        pytest.param("30", (AT - timedelta(hours=9), AT - timedelta(hours=8)), Channel.BY_HAND, id="outside-any-run"),
    ],
)
def test_deployer_credentials_are_a_deployment_only_in_a_run_that_renders_the_value(
    value: str, window: tuple[datetime, datetime], expected: Channel
) -> None:
    """A person with the pipeline's credentials is not a deployment."""
    builder = estate(bad=value, good="other")
    builder.change(run(*window))
    builder.change(write(PIPELINE, value))
    change = attribute(builder.graph(), finding(actual=value), deployers=DEPLOYERS)
    assert change.channel is expected


def test_a_run_without_intended_history_proves_nothing() -> None:
    """When nobody can say what the commit rendered, the channel is unknown."""
    builder = EstateBuilder()
    builder.put(Facet.ACTUAL, config("1"), since=SEEN_BAD)
    builder.change(run(AT - timedelta(minutes=1), AT + timedelta(minutes=1)))
    builder.change(write(PIPELINE))
    change = attribute(builder.graph(), finding(intended=ABSENT), deployers=DEPLOYERS)
    assert change.channel is Channel.UNKNOWN


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        pytest.param(Actor(name="bot", type=ActorType.AUTOMATION), Channel.OTHER_AUTOMATION, id="bot"),
        pytest.param(
            Actor(name="autoscaling.amazonaws.com", type=ActorType.AUTOMATION), Channel.PROVIDER, id="cloud-service"
        ),
        pytest.param(Actor(name="someone"), Channel.UNKNOWN, id="unknown-type"),
        pytest.param(None, Channel.UNKNOWN, id="no-actor"),
    ],
)
def test_tells_automation_from_provider_from_unknown(actor: Actor | None, expected: Channel) -> None:
    """The class of the actor decides where no deployer is involved."""
    builder = estate()
    builder.change(write(actor))
    assert attribute(builder.graph(), finding(), deployers=DEPLOYERS).channel is expected


def test_assumed_role_sessions_stand_for_their_role() -> None:
    """A deployer declared as a role is recognised in any session of it, here outside a run."""
    session = "arn:aws:sts::111122223333:assumed-role/ci-deployer/build-7"
    builder = estate()
    builder.change(write(Actor(name=session, type=ActorType.AUTOMATION)))
    role = frozenset({"arn:aws:iam::111122223333:role/ci-deployer"})
    assert attribute(builder.graph(), finding(), deployers=role).channel is Channel.BY_HAND


def test_a_decoy_write_to_another_value_is_not_blamed() -> None:
    """Records that set something else, before or after, are left out."""
    builder = estate()
    builder.change(write(PIPELINE, "30", at=AT - timedelta(minutes=1)))
    builder.change(write(HUMAN))
    builder.change(write(Actor(name="other", type=ActorType.HUMAN), "x", path="/data/OTHER"))
    change = attribute(builder.graph(), finding(), deployers=DEPLOYERS)
    assert change.actor == HUMAN


def test_candidates_without_bodies_that_disagree_leave_it_unknown() -> None:
    """Two people wrote the object and no record says what: nobody is accused."""
    builder = estate()
    for name, minutes in (("a", 34), ("b", 33)):
        actor = Actor(name=name, type=ActorType.HUMAN)
        builder.change(write(actor, ABSENT, at=NOW - timedelta(minutes=minutes), path=""))
    change = attribute(builder.graph(), finding(), deployers=DEPLOYERS)
    assert (change.channel, change.actor) == (Channel.UNKNOWN, None)
    assert len(change.evidence) == 2


def test_a_single_event_without_body_names_the_actor_but_not_the_instant() -> None:
    """The only write in the interval is the one, but its log level does not tell the field."""
    builder = estate()
    builder.change(write(HUMAN, ABSENT, path=""))
    change = attribute(builder.graph(), finding(), deployers=DEPLOYERS)
    assert (change.channel, change.earliest, change.latest) == (Channel.BY_HAND, SEEN_GOOD, SEEN_BAD)


def test_managed_fields_bound_the_end() -> None:
    """The time of a field manager is an upper bound, never a proof."""
    body = config("1")
    at = NOW - timedelta(hours=3)
    body["metadata"]["managedFields"] = [
        {"manager": "edit", "time": at.isoformat(), "fieldsV1": {"f:data": {"f:TIMEOUT": {}}}}
    ]
    builder = EstateBuilder()
    builder.put(Facet.INTENDED, config("30"))
    builder.put(Facet.ACTUAL, body, since=SEEN_BAD)
    change = attribute(builder.graph(), finding(), deployers=DEPLOYERS)
    assert (change.latest, change.channel) == (at, Channel.UNKNOWN)


def test_a_removed_key_is_proved_by_the_record_that_removed_it() -> None:
    """Absence is a value too, when a record tells what stood there before."""
    builder = estate(bad=None)
    builder.change(write(HUMAN, ABSENT, before="30"))
    change = attribute(builder.graph(), finding(actual=ABSENT), deployers=DEPLOYERS)
    assert (change.channel, change.before, change.after) == (Channel.BY_HAND, "30", ABSENT)


def test_a_pending_rollout_is_not_applied() -> None:
    """The declaration moved: the commit is the change, and it did not arrive."""
    builder = estate(intended="60", good="30", bad="30")
    author = Actor(name="ines", type=ActorType.HUMAN)
    builder.change(write(author, "60", kind="commit", before="30", reference="c9"))
    change = attribute(
        builder.graph(), finding(intended="60", actual="30", verdict=Verdict.PENDING_ROLLOUT), deployers=DEPLOYERS
    )
    assert (change.channel, change.actor, change.after) == (Channel.NOT_APPLIED, author, "60")


@pytest.mark.parametrize(
    ("committed", "before", "good", "channel"),
    [
        (SEEN_GOOD, "30", "30", Channel.BY_HAND),
        (SEEN_GOOD, ABSENT, "30", Channel.BY_HAND),
        (SEEN_GOOD, "20", "20", Channel.NOT_APPLIED),
        (NOW, "30", "30", Channel.NOT_APPLIED),
    ],
    ids=["told by the record", "seen running", "never ran", "declared after the write"],
)
def test_declared_value_that_was_replaced_by_hand_is_no_pending_rollout(
    committed: datetime, before: Any, good: str, channel: Channel
) -> None:
    """`kubectl apply` and `replace` note what a person writes as applied; what ran before had been applied."""
    builder = estate(good=good)
    author = Actor(name="ines", type=ActorType.HUMAN)
    builder.change(write(author, "30", kind="commit", reference="c9", at=committed))
    builder.change(write(HUMAN, before=before))
    change = attribute(builder.graph(), finding(verdict=Verdict.PENDING_ROLLOUT), deployers=DEPLOYERS)
    assert (change.channel, change.actor) == (channel, HUMAN if channel is Channel.BY_HAND else author)


def test_who_wrote_is_named_also_where_it_is_not_known_what_they_are() -> None:
    """A record proves the name; only whether a person or a program bears it is open, and so the channel."""
    builder = estate()
    somebody = Actor(name="arn:aws:sts::1:assumed-role/tool/tool", type=ActorType.UNKNOWN)
    builder.change(write(somebody))
    change = attribute(builder.graph(), finding(), deployers=DEPLOYERS)
    assert (change.actor, change.channel) == (somebody, Channel.UNKNOWN)
    assert told(change).endswith(f"by {somebody.name}, through an unknown channel")


def test_a_value_that_the_first_look_showed_had_come_by_then() -> None:
    """Of an object that never changed since, only the present state is known, and since when."""
    builder = EstateBuilder()
    builder.put(Facet.INTENDED, config("30"))
    builder.put(Facet.ACTUAL, config("1"), since=SEEN_BAD)
    change = attribute(builder.graph(), finding(), deployers=DEPLOYERS)
    assert (change.earliest, change.latest) == (None, SEEN_BAD)


def test_a_deleted_object_went_between_its_last_sight_and_the_first_look_without_it() -> None:
    """Deletion is bounded by observations and proved by its record."""
    builder = estate()
    builder.remove(resource_of(config("x")).uid)
    gone = Finding(resource=resource_of(config("x")), path="", verdict=Verdict.DELETED_OUT_OF_BAND)
    change = attribute(builder.graph(), gone, deployers=DEPLOYERS)
    assert (change.earliest, change.latest) == (SEEN_GOOD, SEEN_BAD)
    builder.change(write(HUMAN, ABSENT, path="", before=config("30")))
    change = attribute(builder.graph(), gone, deployers=DEPLOYERS)
    assert (change.channel, change.earliest) == (Channel.BY_HAND, AT)


@pytest.mark.parametrize(("removes", "actor"), [(True, HUMAN), (False, None)], ids=["removal", "other write"])
def test_a_removal_without_a_body_is_proof_and_another_write_is_none(removes: bool, actor: Actor | None) -> None:
    """A look may show a state older than its time, so the record may lie before the last sight of the object."""
    builder = estate()
    builder.remove(resource_of(config("x")).uid)
    builder.change(write(HUMAN, ABSENT, path="", at=SEEN_GOOD - timedelta(seconds=9), removes=removes))
    gone = Finding(resource=resource_of(config("x")), path="", verdict=Verdict.DELETED_OUT_OF_BAND)
    change = attribute(builder.graph(), gone, deployers=DEPLOYERS)
    assert (change.actor, change.channel) == (actor, Channel.BY_HAND if actor else Channel.UNKNOWN)


def test_the_id_is_reproducible() -> None:
    """The same graph gives the same attribution, id included."""
    assert attribute(estate().graph(), finding(), deployers=DEPLOYERS) == attribute(
        estate().graph(), finding(), deployers=DEPLOYERS
    )
