"""Through which channel a recorded write came in: a deployment only where run, actor and rendered value agree.

A person with the pipeline's credentials is not a deployment. A user agent decides nothing, as anybody can send any.
"""

from __future__ import annotations

import re

from graph.change import Actor, ActorType, Change, Channel
from graph.document import Object
from graph.environment import EnvironmentGraph
from graph.place import Place, is_near, is_same, is_within, read, read_same, translate
from graph.resource import Facet
from graph.runs import LONGEST_RUN, covers, runs
from graph.version import Version

_ASSUMED = re.compile(r"arn:([\w-]*):sts::(\d*):assumed-role/([^/]+)/.*")


def frame_of(graph: EnvironmentGraph, place: Place) -> Object | None:
    """The object in which the path of a place is valid."""
    return graph.body(place.uid, place.frame) or graph.body(place.uid, Facet.ACTUAL)


def channel_of(graph: EnvironmentGraph, place: Place, change: Change, *, deployers: frozenset[str]) -> Channel:
    actor = change.actor
    if change.channel is Channel.PROVIDER or (actor and is_provider(actor)):
        return Channel.PROVIDER
    if actor is None:
        return Channel.UNKNOWN
    if is_deployer(actor, deployers):
        return _deployer_channel(graph, place, change)
    return {
        ActorType.HUMAN: Channel.BY_HAND,
        ActorType.AUTOMATION: Channel.OTHER_AUTOMATION,
        ActorType.UNKNOWN: Channel.UNKNOWN,
    }[actor.type]


def _deployer_channel(graph: EnvironmentGraph, place: Place, change: Change) -> Channel:
    """A deployer's credentials are a deployment only inside a run that renders exactly this value."""
    around = graph.runs(change.latest - LONGEST_RUN, change.latest + LONGEST_RUN)
    own = [run for run in runs(around, environment=graph.name) if run.uid in ("", place.uid)]
    answers = [rendered(graph, place, run) for run in own if covers(run, change.latest)]
    if not answers:
        return Channel.BY_HAND
    if True in answers:
        return Channel.DEPLOYMENT
    return Channel.BY_HAND if False in answers else Channel.UNKNOWN


def rendered(graph: EnvironmentGraph, place: Place, run: Change) -> bool | None:
    """Whether the run's commit declares the observed value; None when the intended history does not reach that far."""
    version = _intended_at(graph, place.uid, run)
    if version is None:
        return _committed(graph, place, run)
    if not place.path:
        return graph.body(place.uid, Facet.ACTUAL) is not None
    frame = frame_of(graph, place)
    declared = read(version.body, place.path) if frame is None else read_same(place.path, frame, version.body)
    return is_same(declared, place.after)


def _committed(graph: EnvironmentGraph, place: Place, run: Change) -> bool | None:
    """Whether the last commit to the place before the run's end set the observed value; None when no commit tells."""
    commits = [c for c in graph.changes(place.uid) if c.kind == "commit" and is_near(c.path, place.path)]
    known = [c for c in commits if c.reference == run.reference or c.latest <= run.latest]
    if not known or not place.path:
        return None
    last = known[-1]
    if is_within(last.path, place.path) and last.path != place.path:
        return None
    rest = place.path[len(last.path) :]
    whole = read(frame_of(graph, place), last.path)
    declared = read(last.after, translate(rest, whole, last.after)) if rest else last.after
    return is_same(declared, place.after)


def _intended_at(graph: EnvironmentGraph, uid: str, run: Change) -> Version | None:
    versions = graph.history(uid, Facet.INTENDED)
    for version in versions:
        if run.reference and version.origin and version.origin.commit == run.reference:
            return version
    at = run.earliest or run.latest
    valid = [v for v in versions if v.valid_from <= at and (v.valid_to is None or v.valid_to > at)]
    return valid[-1] if valid else None


def is_provider(actor: Actor) -> bool:
    """A cloud service that acts itself or through its service-linked role."""
    return actor.type is not ActorType.HUMAN and (
        actor.name.endswith(".amazonaws.com") or "/aws-service-role/" in actor.name or "AWSServiceRoleFor" in actor.name
    )


def is_deployer(actor: Actor | None, deployers: frozenset[str]) -> bool:
    if actor is None:
        return False
    return actor.name in deployers or _role_arn(actor.name) in {_role_arn(d) for d in deployers}


def _role_arn(name: str) -> str:
    """The role behind an assumed-role session ARN; other names unchanged."""
    if found := _ASSUMED.fullmatch(name):
        return f"arn:{found[1]}:iam::{found[2]}:role/{found[3]}"
    return name
