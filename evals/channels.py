"""Through which channel a value came about: seeded changes with decoys and holes in the logs, as a confusion matrix.

`python -m evals.channels [SEEDS]`: every scenario for every field, at SEEDS different times (2 when absent).
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from evals.channel_cases import CLUSTER, DEPLOYERS, ENVIRONMENT, STACK, START, Case, cases
from evals.figures import wilson
from graph.attribution import attribute, attribute_place
from graph.change import Change, Channel
from graph.document import Object, get
from graph.drift import compare_graph
from graph.environment import EnvironmentGraph, SourceState
from graph.kinds.kubernetes.parse import parse
from graph.kinds.terraform.document import document
from graph.place import Place
from graph.resource import Facet
from graph.version import Document, Origin, Version
from tools.adapters.cloudtrail import CloudTrail
from tools.adapters.deployments import Deployments
from tools.adapters.field_changes import field_changes
from tools.adapters.kubernetes_audit import KubernetesAudit

_SALT = b"evaluation"
_READ_EVERY = timedelta(minutes=30)


class Answer(NamedTuple):
    """What was found, beside what is true."""

    case: Case
    found: Channel
    is_in_time: bool
    """Whether the true time lies in the interval that was answered."""


def answer(case: Case) -> Answer:
    """Ask the product for the channel of the change of a case."""
    graph = _graph(case)
    change = _attributed(graph, case)
    at = case.world.at
    is_in_time = (change.earliest is None or change.earliest <= at) and at <= change.latest + timedelta(seconds=1)
    return Answer(case, change.channel, is_in_time)


def _attributed(graph: EnvironmentGraph, case: Case) -> Change:
    """Attribute the drift at the field, or the value that is as declared."""
    field = case.field
    for finding in compare_graph(graph).findings:
        if finding.path == field.path:
            return attribute(graph, finding, deployers=DEPLOYERS)
    (resource,) = list(graph)
    before, after = get(field.body, field.path), get(case.world.live, field.path)
    place = Place(uid=resource.uid, path=field.path, before=before, after=after)
    return attribute_place(graph, place, deployers=DEPLOYERS)


def _graph(case: Case) -> EnvironmentGraph:
    """Build the graph from readings every half hour, and from the logs as the adapters read them."""
    world = case.world
    seen = START + _READ_EVERY * ((world.at - START) // _READ_EVERY)
    now = seen + _READ_EVERY * 2
    old, live = _document(case, case.field.body), _document(case, world.live)
    held: list[Version] = []
    past: list[Version] = []
    if old.body == live.body:
        held.append(_version(old, Facet.ACTUAL, START, None, now))
    else:
        past.append(_version(old, Facet.ACTUAL, START, seen + _READ_EVERY, seen))
        held.append(_version(live, Facet.ACTUAL, seen + _READ_EVERY, None, now))
    for number, (since, commit, body) in enumerate(world.declared):
        until = world.declared[number + 1][0] if number + 1 < len(world.declared) else None
        version = _version(_document(case, body, commit), Facet.INTENDED, since, until, until or now)
        (past if until else held).append(version)
    applied = next((v for v in (*past, *held) if v.facet is Facet.INTENDED), None)
    if applied is not None:
        last = held[-1] if world.events and held[-1].body == live.body else applied
        held.append(_version(Document(resource=last.resource, body=last.body), Facet.APPLIED, START, None, now))
    return EnvironmentGraph(
        name=ENVIRONMENT,
        as_of=now,
        versions=held,
        history=[*past, *held],
        relations=(),
        changes=[*_commits(case), *_logged(case)],
        sources=[SourceState(f.value, f, now, "", first_read_at=START) for f in Facet],
    )


def _document(case: Case, body: Object, commit: str | None = None) -> Document:
    origin = Origin(file="declared", commit=commit) if commit else None
    if not case.field.is_cloud:
        found = parse(body, cluster=CLUSTER, salt=_SALT)
        return Document(resource=found.resource, body=found.body, origin=origin)
    return document(
        stack=STACK,
        type=body["type"],
        name=body["name"],
        address=body["address"],
        provider=body["provider"],
        values=body["values"],
        salt=_SALT,
        origin=origin,
    )


def _version(one: Document, facet: Facet, since: datetime, until: datetime | None, seen: datetime) -> Version:
    return Version(
        resource=one.resource,
        facet=facet,
        body=one.body,
        source=facet.value,
        valid_from=since,
        valid_to=until,
        last_seen=seen,
        recorded_at=since,
        origin=one.origin,
    )


def _commits(case: Case) -> Iterator[Change]:
    """Yield what each commit changed, as a history of git gives it."""
    declared = case.world.declared
    uid = _document(case, case.field.body).resource.uid
    for (_, _, before), (at, commit, after) in pairwise(declared):
        for field in field_changes(before, after):
            yield Change(
                id=f"{commit[:8]}{field.path}",
                uid=uid,
                kind="commit",
                path=field.path,
                before=field.before,
                after=field.after,
                earliest=at,
                latest=at,
                reference=commit,
                source="git",
            )


def _logged(case: Case) -> list[Change]:
    world = case.world
    with tempfile.TemporaryDirectory() as folder:
        files = {n: Path(folder, f"{n}.jsonl") for n in ("audit", "trail", "events")}
        for name, lines in (("audit", world.audit), ("trail", world.trail), ("events", world.events)):
            files[name].write_text("".join(json.dumps(line) + "\n" for line in lines))
        sources = (
            KubernetesAudit("audit", files["audit"], cluster=CLUSTER, deployers=DEPLOYERS, salt=_SALT),
            CloudTrail("trail", files["trail"], deployers=DEPLOYERS, salt=_SALT),
            Deployments("events", files["events"], environment=ENVIRONMENT),
        )
        return [change for source in sources for change in source.changes(None).changes]


def matrix(answers: Iterable[Answer]) -> dict[Channel, Counter[Channel]]:
    """Count (true channel, found channel)."""
    table: dict[Channel, Counter[Channel]] = defaultdict(Counter)
    for one in answers:
        table[one.case.scenario.channel][one.found] += 1
    return table


def deployer_in_a_run(case: Case) -> Channel:
    """Baseline: whoever writes with the deployer's credentials during any run deploys; all others by their names."""
    world = case.world
    if world.live == case.field.body:
        return Channel.NOT_APPLIED
    writers = [_name(r) for r in (*world.audit, *world.trail)]
    if not writers:
        return Channel.DEPLOYMENT if world.events else Channel.UNKNOWN
    if any(name in DEPLOYERS for name in writers):
        return Channel.DEPLOYMENT
    return Channel.BY_HAND if any("@" in name for name in writers) else Channel.OTHER_AUTOMATION


def user_agent(case: Case) -> Channel:
    """Baseline: what the client says of itself."""
    agents = {str(r.get("userAgent")) for r in (*case.world.audit, *case.world.trail)}
    is_tool = any(mark in agent for agent in agents for mark in ("Terraform", "argocd"))
    return Channel.DEPLOYMENT if is_tool else Channel.UNKNOWN


def _name(record: Object) -> str:
    user = record.get("user") or record.get("userIdentity") or {}
    return str(user.get("username") or user.get("userName") or str(user.get("arn", "")).rpartition("/")[2])


def _show(title: str, table: Mapping[Channel, Counter[Channel]]) -> Iterator[str]:
    total = sum(row.total() for row in table.values())
    right = sum(row[channel] for channel, row in table.items())
    low, high = wilson(right, total)
    yield f"{title}: {right} of {total} right ({right / total:.3f}, 95 % {low:.3f} to {high:.3f})"
    yield f"  {'is / found':17}" + "".join(c.value.rjust(17) for c in Channel)
    for channel in Channel:
        if row := table.get(channel):
            yield f"  {channel.value:17}" + "".join(str(row[c]).rjust(17) for c in Channel)


def _baseline(told: Sequence[Case], guess: Callable[[Case], Channel]) -> dict[Channel, Counter[Channel]]:
    return matrix(Answer(case, guess(case), True) for case in told)


def main(arguments: Sequence[str]) -> int:
    """Print the figures; 1 when a channel is wrong."""
    told = list(cases(int(arguments[0]) if arguments else 2))
    answers = [answer(case) for case in told]
    print(*_show("by records, runs and rendered values", matrix(answers)), sep="\n")
    wrong = [a for a in answers if a.found is not a.case.scenario.channel]
    for one in wrong:
        print(f"    {one.case.scenario.name}, {one.case.field.name}: {one.found.value}")
    print(f"  the true time lies in the interval: {sum(a.is_in_time for a in answers)} of {len(answers)}")
    print(*_show("baseline: the deployer's credentials", _baseline(told, deployer_in_a_run)), sep="\n")
    print(*_show("baseline: the user agent", _baseline(told, user_agent)), sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
