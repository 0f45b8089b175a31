"""Why a resource is as it is."""

from __future__ import annotations

from datetime import timedelta

from graph.change import Actor, ActorType, Change, Channel
from graph.explanation import explain
from graph.resource import Facet
from graph.version import Version
from tests.graph.builders import NOW, EstateBuilder, manifest, resource_of

SECRET = manifest("Secret", "session-keys")


def test_what_is_gone_and_was_never_declared_is_told_with_who_removed_it() -> None:
    """Something that an operator made is in no declaration; that it went is the answer."""
    estate, gone = EstateBuilder(), resource_of(SECRET)
    estate.past(
        Version(
            resource=gone,
            facet=Facet.ACTUAL,
            body=SECRET,
            source="cluster",
            valid_from=NOW - timedelta(hours=2),
            valid_to=NOW - timedelta(minutes=10),
            last_seen=NOW - timedelta(minutes=11),
            recorded_at=NOW,
        )
    )
    at = NOW - timedelta(minutes=10, seconds=30)
    jonas = Actor(name="jonas", type=ActorType.HUMAN)
    estate.change(Change(id="d", uid=gone.uid, kind="secret", earliest=at, latest=at, actor=jonas, removes=True))
    found = explain(estate.graph(), gone, deployers=frozenset())
    assert "no longer exists, removed by hand by jonas" in found.summary
    assert [(c.channel, c.latest) for c in found.changes] == [(Channel.BY_HAND, at)]
