"""Seeded changes whose channel is known: who made them, through what, what else happened in the same minute.

Each is told by the records that real systems keep: audit lines, CloudTrail records, deployment events, commits. The
adapters read them; nothing here says to the product which channel it was.
"""

from __future__ import annotations

import copy
import dataclasses
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from graph.change import Channel
from graph.document import Json, Object, get, pointer, put

DEPLOYER: Final = "system:serviceaccount:ci:deployer"
DEPLOYER_ROLE: Final = "ci-deploy"
DEPLOYERS: Final = frozenset({DEPLOYER, DEPLOYER_ROLE})
CLUSTER, STACK, ENVIRONMENT = "demo", "demo", "demo"
ACCOUNT: Final = "111122223333"
START: Final = datetime(2026, 3, 2, 9, tzinfo=UTC)
_FIRST, _SECOND = "1" * 40, "2" * 40
"""Commits: the one that declared the old value, and the one that declares the new one."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of one resource, with the value it has and the one it gets."""

    name: str
    body: Object
    path: str
    new: Json
    other: tuple[str, Json]
    """Another field of the same resource, and a value for it."""
    is_cloud: bool = False
    call: Callable[[Json], tuple[str, str, Object]] | None = None
    """For a cloud resource: (service, event, parameters) that set the field to a value."""


class Write(NamedTuple):
    """One write that somebody made."""

    at: datetime
    who: str
    path: str
    """Empty for the field that the case is about."""
    value: Json
    has_body: bool
    """Whether the audit log kept the bodies of the request."""


@dataclasses.dataclass(slots=True)
class World:
    """What a case leaves behind in the logs, and what runs and is declared at the end."""

    field: Field
    chance: random.Random
    at: datetime = START
    """When the change happens."""
    live: Object = dataclasses.field(default_factory=dict)
    declared: list[tuple[datetime, str, Object]] = dataclasses.field(default_factory=list)
    """(time, commit, body), oldest first."""
    writes: list[Write] = dataclasses.field(default_factory=list)
    events: list[Object] = dataclasses.field(default_factory=list)

    def changed(self, value: Json) -> Object:
        """Return the body with the field set to a value."""
        body: Object = put(self.field.body, self.field.path, value)
        return body

    def commit(self, minutes: float, body: Object, commit: str = _SECOND) -> None:
        """Declare a body, some minutes after the change (before, when negative)."""
        self.declared.append((self.at + timedelta(minutes=minutes), commit, body))

    def run(self, begin: float, end: float | None, *, commit: str = _SECOND, environment: str = ENVIRONMENT) -> None:
        """Tell of a deployment from one minute to another, or of one that has not ended."""
        times = {"started_at": _stamp(self.at + timedelta(minutes=begin))}
        if end is not None:
            times["finished_at"] = _stamp(self.at + timedelta(minutes=end))
        number = len(self.events)
        data = {
            "kind": "deploy",
            "status": "started" if end is None else "succeeded",
            "environment": environment,
            "actor": {"id": DEPLOYER_ROLE if self.field.is_cloud else DEPLOYER, "type": "automation"},
            "version": {"commit": commit},
            "correlation": {"deployment": f"run-{number}"},
            **times,
        }
        kind = "dev.plumbline.change.v1"
        self.events.append({"specversion": "1.0", "id": str(number), "source": "/ci", "type": kind, "data": data})

    def write(self, who: str, value: Json, *, minutes: float = 0, path: str = "", has_body: bool = True) -> None:
        """Record that somebody set the field, or another one, to a value."""
        self.writes.append(Write(self.at + timedelta(minutes=minutes), who, path, value, has_body))

    @property
    def trail(self) -> list[Object]:
        """CloudTrail records of the writes."""
        return [self._call(w) for w in self.writes] if self.field.is_cloud else []

    @property
    def audit(self) -> list[Object]:
        """Audit lines of the writes in the order of time: each body holds what the ones before it set."""
        lines: list[Object] = []
        body = self.field.body
        for write in [] if self.field.is_cloud else sorted(self.writes, key=lambda w: w.at):
            body = put(body, write.path or self.field.path, write.value)
            lines.append(self._line(write, body))
        return lines

    def _call(self, write: Write) -> Object:
        if self.field.call is None:
            raise ValueError(f"{self.field.name} has no call")
        service, event, request = self.field.call(write.value)
        if write.path:
            service, event, request = "sqs", "TagQueue", {"queueUrl": "https://sqs/else", "tags": {"a": "b"}}
        return {
            "eventID": f"event-{write.who}-{write.at}",
            "eventTime": _stamp(write.at),
            "eventSource": f"{service}.amazonaws.com",
            "eventName": event,
            "userIdentity": _identity(write.who),
            "requestParameters": request,
            "responseElements": None,
            "readOnly": False,
            "eventType": "AwsApiCall",
            "managementEvent": True,
            "userAgent": "Terraform/1.9",
        }

    def _line(self, write: Write, body: Object) -> Object:
        metadata = self.field.body["metadata"]
        bodies = {"requestObject": body, "responseObject": body} if write.has_body else {}
        plural = {"Deployment": "deployments", "ConfigMap": "configmaps"}[self.field.body["kind"]]
        return {
            "kind": "Event",
            "level": "RequestResponse" if write.has_body else "Metadata",
            "auditID": f"audit-{write.who}-{write.at}",
            "stage": "ResponseComplete",
            "verb": "update",
            "user": {"username": write.who},
            "userAgent": "argocd-application-controller",
            "objectRef": {
                "resource": plural,
                "apiGroup": "apps" if plural == "deployments" else "",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
            },
            "responseStatus": {"code": 200},
            "stageTimestamp": _stamp(write.at),
            **bodies,
        }


class Scenario(NamedTuple):
    """One way in which a value comes about."""

    name: str
    channel: Channel
    play: Callable[[World], None]
    only: str = ""
    """`cloud` or `cluster`, where the other one has nothing of the kind."""


def _deployed(world: World) -> None:
    world.live = world.changed(world.field.new)
    world.commit(-30, world.live)


def _by_pipeline(world: World) -> None:
    _deployed(world)
    world.run(-5, 5)
    world.write(_pipeline(world), world.field.new)


def _under_way(world: World) -> None:
    _deployed(world)
    world.run(-5, None)
    world.write(_pipeline(world), world.field.new)


def _with_a_person_beside(world: World) -> None:
    _by_pipeline(world)
    world.write("ada@example.com", world.field.other[1], minutes=-0.5, path=world.field.other[0])


def _without_bodies(world: World) -> None:
    _deployed(world)
    world.run(-5, 5)
    world.write(DEPLOYER, world.field.new, has_body=False)


def _person(world: World) -> None:
    world.live = world.changed(world.field.new)
    world.write("ada@example.com", world.field.new)


def _person_during_a_run(world: World) -> None:
    """The run in whose window a person writes renders the old value."""
    _person(world)
    world.run(-5, 5, commit=_FIRST)


def _person_after_the_pipeline(world: World) -> None:
    """The pipeline sets the old value again in the same minute, and a person changes it."""
    world.run(-5, 0.4, commit=_FIRST)
    world.write(_pipeline(world), get(world.field.body, world.field.path), minutes=-0.6)
    _person(world)


def _borrowed_outside(world: World) -> None:
    world.live = world.changed(world.field.new)
    world.run(-90, -80, commit=_FIRST)
    world.write(_pipeline(world), world.field.new)


def _borrowed_inside(world: World) -> None:
    world.live = world.changed(world.field.new)
    world.run(-5, 5, commit=_FIRST)
    world.write(_pipeline(world), world.field.new)


def _borrowed_elsewhere(world: World) -> None:
    """Just then the pipeline deploys a commit with this very value, to another environment."""
    _deployed(world)
    world.run(-5, 5, environment="staging")
    world.write(_pipeline(world), world.field.new)


def _robot(world: World) -> None:
    world.live = world.changed(world.field.new)
    world.write("i-0123456789abcdef0" if world.field.is_cloud else "system:serviceaccount:ops:tuner", world.field.new)


def _robot_during_a_run(world: World) -> None:
    _robot(world)
    world.run(-5, 5, commit=_FIRST)
    world.write("ada@example.com", world.field.other[1], minutes=0.3, path=world.field.other[0])


def _service_role(world: World) -> None:
    world.live = world.changed(world.field.new)
    world.write("service-role", world.field.new)


def _service_itself(world: World) -> None:
    world.live = world.changed(world.field.new)
    world.write("service", world.field.new)
    world.write("ada@example.com", world.field.other[1], minutes=-0.2, path=world.field.other[0])


def _merged(world: World) -> None:
    world.live = copy.deepcopy(world.field.body)
    world.commit(0, world.changed(world.field.new))


def _merged_and_run_elsewhere(world: World) -> None:
    _merged(world)
    world.run(5, 10, environment="staging")
    world.write("ada@example.com", world.field.other[1], minutes=6, path=world.field.other[0])


def _no_record(world: World) -> None:
    world.live = world.changed(world.field.new)


def _no_record_but_a_run(world: World) -> None:
    """A run of the old commit is near; the record of the write is lost."""
    _no_record(world)
    world.run(-5, 5, commit=_FIRST)


def _two_without_bodies(world: World) -> None:
    """Two people touched the object; the log says not which field."""
    _no_record(world)
    world.write("ada@example.com", world.field.new, has_body=False)
    world.write("bo@example.com", world.field.new, minutes=0.3, has_body=False)


def _nobody_knows_the_session(world: World) -> None:
    _no_record(world)
    world.write("a-session", world.field.new)


SCENARIOS: Final = (
    Scenario("by the pipeline", Channel.DEPLOYMENT, _by_pipeline),
    Scenario("by a run that is under way", Channel.DEPLOYMENT, _under_way),
    Scenario("by the pipeline, a person beside it", Channel.DEPLOYMENT, _with_a_person_beside),
    Scenario("by the pipeline, log without bodies", Channel.DEPLOYMENT, _without_bodies, "cluster"),
    Scenario("by a person", Channel.BY_HAND, _person),
    Scenario("by a person during a run", Channel.BY_HAND, _person_during_a_run),
    Scenario("by a person after the pipeline", Channel.BY_HAND, _person_after_the_pipeline),
    Scenario("borrowed credentials, no run", Channel.BY_HAND, _borrowed_outside),
    Scenario("borrowed credentials, other value", Channel.BY_HAND, _borrowed_inside),
    Scenario("borrowed credentials, run elsewhere", Channel.BY_HAND, _borrowed_elsewhere),
    Scenario("by a robot", Channel.OTHER_AUTOMATION, _robot),
    Scenario("by a robot during a run", Channel.OTHER_AUTOMATION, _robot_during_a_run),
    Scenario("by a service-linked role", Channel.PROVIDER, _service_role, "cloud"),
    Scenario("by a service of the cloud", Channel.PROVIDER, _service_itself, "cloud"),
    Scenario("merged, never applied", Channel.NOT_APPLIED, _merged),
    Scenario("merged, applied elsewhere", Channel.NOT_APPLIED, _merged_and_run_elsewhere),
    Scenario("no record", Channel.UNKNOWN, _no_record),
    Scenario("no record, a run near", Channel.UNKNOWN, _no_record_but_a_run),
    Scenario("two writers, log without bodies", Channel.UNKNOWN, _two_without_bodies, "cluster"),
    Scenario("a session of nobody", Channel.UNKNOWN, _nobody_knows_the_session, "cloud"),
)


def _object(kind: str, name: str, **content: Json) -> Object:
    version = "apps/v1" if kind == "Deployment" else "v1"
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}, **content}


_POD: Final = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {
        "containers": [
            {
                "name": "web",
                "image": "registry.example.com/web:1.4.0",
                "env": [{"name": "LIMIT", "value": "30"}, {"name": "MODE", "value": "fast"}],
            }
        ]
    },
}
_WEB: Final = _object(
    "Deployment", "web", spec={"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": _POD}
)
_CONTAINER: Final = "/spec/template/spec/containers/0"
_SETTINGS: Final = _object("ConfigMap", "settings", data={"LIMIT": "30", "MODE": "fast"})
_QUEUE: Final[Object] = {
    "name": "orders",
    "url": "https://sqs.eu-west-1.amazonaws.com/111122223333/orders",
    "arn": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:orders",
    "visibility_timeout_seconds": 30,
    "delay_seconds": 0,
}
_ROLE: Final[Object] = {
    "name": "orders",
    "arn": f"arn:aws:iam::{ACCOUNT}:role/orders",
    "permissions_boundary": f"arn:aws:iam::{ACCOUNT}:policy/limit",
    "description": "orders",
}


def _cloud(type: str, values: Object) -> Object:
    address = f"{type}.orders"
    return {"type": type, "name": "orders", "address": address, "provider": "aws", "values": values}


def _set_queue(value: Json) -> tuple[str, str, Object]:
    return "sqs", "SetQueueAttributes", {"queueUrl": _QUEUE["url"], "attributes": {"VisibilityTimeout": str(value)}}


def _set_boundary(value: Json) -> tuple[str, str, Object]:
    return "iam", "PutRolePermissionsBoundary", {"roleName": "orders", "permissionsBoundary": value}


FIELDS: Final = (
    Field(
        name="image",
        body=_WEB,
        path=f"{_CONTAINER}/image",
        new="registry.example.com/web:1.5.0",
        other=("/metadata/labels", {"team": "x"}),
    ),
    Field(name="replicas", body=_WEB, path="/spec/replicas", new=6, other=("/metadata/labels", {"team": "x"})),
    Field(
        name="variable",
        body=_WEB,
        path=f"{_CONTAINER}/env/0/value",
        new="5",
        other=(f"{_CONTAINER}/env/1/value", "slow"),
    ),
    Field(name="setting", body=_SETTINGS, path="/data/LIMIT", new="5", other=("/data/MODE", "slow")),
    Field(
        name="timeout of a queue",
        body=_cloud("aws_sqs_queue", _QUEUE),
        path=pointer("values", "visibility_timeout_seconds"),
        new=5,
        other=("elsewhere", 1),
        is_cloud=True,
        call=_set_queue,
    ),
    Field(
        name="boundary of a role",
        body=_cloud("aws_iam_role", _ROLE),
        path=pointer("values", "permissions_boundary"),
        new=f"arn:aws:iam::{ACCOUNT}:policy/none",
        other=("elsewhere", 1),
        is_cloud=True,
        call=_set_boundary,
    ),
)


class Case(NamedTuple):
    """One change to find the channel of."""

    field: Field
    scenario: Scenario
    world: World


def cases(seeds: int) -> Iterator[Case]:
    """Yield every scenario for every field that has it, at `seeds` times each."""
    for seed in range(seeds):
        for one in FIELDS:
            for scenario in SCENARIOS:
                if scenario.only and (scenario.only == "cloud") != one.is_cloud:
                    continue
                chance = random.Random(f"{seed} {one.name} {scenario.name}")  # noqa: S311  (no secret is made)
                at = START + timedelta(minutes=chance.randint(180, 600), seconds=chance.randint(0, 59))
                world = World(field=one, chance=chance, at=at)
                world.declared.append((START - timedelta(days=3), _FIRST, copy.deepcopy(one.body)))
                scenario.play(world)
                yield Case(one, scenario, world)


def _pipeline(world: World) -> str:
    return DEPLOYER_ROLE if world.field.is_cloud else DEPLOYER


def _identity(who: str) -> Object:
    """Return the `userIdentity` of a caller."""
    if who == "service":
        return {"type": "AWSService", "invokedBy": "autoscaling.amazonaws.com"}
    role = "AWSServiceRoleForOrders" if who == "service-role" else DEPLOYER_ROLE if who == DEPLOYER_ROLE else "shared"
    path = "aws-service-role/orders.amazonaws.com/" if who == "service-role" else ""
    if "@" in who:
        return {"type": "IAMUser", "userName": who, "arn": f"arn:aws:iam::{ACCOUNT}:user/{who}"}
    return {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{who}",
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "userName": role,
                "arn": f"arn:aws:iam::{ACCOUNT}:role/{path}{role}",
            }
        },
    }


def _stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
