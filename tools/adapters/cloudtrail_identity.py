"""Who made an AWS call, from the `userIdentity` of a CloudTrail record. The user agent is self-declared and not read.

Format: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-user-identity.html
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, NamedTuple

from graph.change import Actor, ActorType, Channel
from graph.document import Json, Object

_PROGRAM: Final = re.compile(
    r"(?:^|[-_.@/])(?:agent|argo(?:cd)?|atlantis|automation|bot|cd|ci|deploy(?:er|ment)?|github|gitlab|jenkins|lambda|"
    r"pipeline|robot|runner|service|spacelift|svc|system|terraform|tf|i-[0-9a-f]{8,17})(?:$|[-_.@/])",
    re.IGNORECASE,
)
"""Parts of a name that programs go by, and ids of instances; such a name may still be used by a person."""


class Caller(NamedTuple):
    """Who called, and the channel where the record alone decides it."""

    actor: Actor
    channel: Channel


def caller(record: Object, *, deployers: Collection[str]) -> Caller:
    """Return who made the call of a record.

    Args:
        record: a CloudTrail record.
        deployers: declared deployers: names or ARNs of roles and users.
    """
    identity = _object(record.get("userIdentity"))
    service = _text(identity.get("invokedBy"))
    issuer = _object(_object(identity.get("sessionContext")).get("sessionIssuer"))
    is_service_role = "/aws-service-role/" in _text(issuer.get("arn"))
    # Such an event is no call: the service did it by itself, as a rotation of keys or the end of a spot instance.
    is_event = record.get("eventType") == "AwsServiceEvent"
    if is_event or is_service_role or _text(identity.get("type")) == "AWSService" or _is_service(service):
        name = (
            service
            or (_text(record.get("eventSource")) if is_event else "")
            or _text(issuer.get("userName"))
            or _text(identity.get("principalId"))
        )
        return Caller(Actor(name=name, type=ActorType.AUTOMATION, session=_text(identity.get("arn"))), Channel.PROVIDER)
    if _text(identity.get("type")) in {"AssumedRole", "WebIdentityUser", "SAMLUser", "FederatedUser"}:
        return Caller(_session(record, identity, issuer, deployers), Channel.UNKNOWN)
    return Caller(_user(record, identity, deployers), Channel.UNKNOWN)


def is_from_console(record: Object) -> bool:
    """Whether the credentials of the call came from a sign-in to the web console."""
    return str(record.get("sessionCredentialFromConsole", "")).lower() == "true"


def _session(record: Object, identity: Object, issuer: Object, deployers: Collection[str]) -> Actor:
    """Name the holder of a role session: the role for a declared deployer, else the session or the person behind it."""
    arn = _text(identity.get("arn"))
    role = _text(issuer.get("userName")) or (arn.split("/")[1] if arn.count("/") >= 2 else "")
    name = arn.rpartition("/")[2] if arn.count("/") >= 2 else _text(identity.get("principalId")).rpartition(":")[2]
    session = name or _text(identity.get("userName"))
    person = _text(_object(identity.get("sessionContext")).get("sourceIdentity"))
    is_person = bool(person) or is_from_console(record) or "@" in session or role.startswith("AWSReservedSSO_")
    if is_person:
        return Actor(name=person or session or role, type=ActorType.HUMAN, session=arn)
    if {role, _text(issuer.get("arn")), arn} & set(deployers):
        return Actor(name=role, type=ActorType.AUTOMATION, session=arn)
    is_program = bool(re.fullmatch(r"i-[0-9a-f]{8,17}", session))
    return Actor(name=session or role, type=ActorType.AUTOMATION if is_program else ActorType.UNKNOWN, session=arn)


def _user(record: Object, identity: Object, deployers: Collection[str]) -> Actor:
    arn = _text(identity.get("arn"))
    if _text(identity.get("type")) == "Root":
        return Actor(name="root", type=ActorType.HUMAN, session=arn)
    name = _text(identity.get("userName")) or arn.rpartition("/")[2] or _text(identity.get("principalId"))
    if is_from_console(record):
        return Actor(name=name, type=ActorType.HUMAN, session=arn)
    if {name, arn} & set(deployers):
        return Actor(name=name, type=ActorType.AUTOMATION, session=arn)
    is_known_person = _text(identity.get("type")) == "IAMUser" and not _PROGRAM.search(name)
    return Actor(name=name, type=ActorType.HUMAN if is_known_person else ActorType.UNKNOWN, session=arn)


def _is_service(invoked_by: str) -> bool:
    # The web console signs in through a service of its own and marks other calls with "AWS Internal".
    return invoked_by.endswith(".amazonaws.com") and not invoked_by.startswith("signin.")


def _object(value: Json) -> Object:
    return value if isinstance(value, dict) else {}


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""
