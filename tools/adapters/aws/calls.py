"""Read-only calls to one region of an AWS account: paged, retried with a cap, refusals of single parts noted.

Knows no service; which calls are made is said by the readers beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from graph.document import Json, Object

READ_CONFIG: Final = Config(
    connect_timeout=5,
    read_timeout=20,
    # Standard mode retries throttling and dropped connections with growing pauses; four attempts take under a minute.
    retries={"mode": "standard", "total_max_attempts": 4},
    max_pool_connections=16,
)
_DENIED: Final = ("AccessDenied", "Unauthorized", "AuthorizationError", "Forbidden", "OptInRequired")
_READS: Final = ("describe_", "list_", "get_")
_MAX_ITEMS: Final = 200_000
"""Resources of one kind in one region; more would not fit into memory beside the rest."""


NO_ANSWER: Final = (BotoCoreError, ResponseParserError)
"""What botocore raises when there is no answer, or one that it can't parse: they have no base in common."""


class _NotRead:
    """Marks a part of a resource that could not be read, so that nothing is said of it."""

    def __bool__(self) -> bool:
        return False


NOT_READ: Final = _NotRead()


class Account(NamedTuple):
    """Where calls go."""

    id: str
    """Twelve digits."""
    partition: str
    """`aws`, `aws-cn`, `aws-us-gov`."""
    region: str

    def arn(self, service: str, resource: str, *, regional: bool = True) -> str:
        """Return the ARN of a resource of this account.

        >>> Account("123456789012", "aws", "eu-west-1").arn("ec2", "vpc/vpc-1")
        'arn:aws:ec2:eu-west-1:123456789012:vpc/vpc-1'
        """
        return f"arn:{self.partition}:{service}:{self.region if regional else ''}:{self.id}:{resource}"


class Found(NamedTuple):
    """One live resource, its attributes named and shaped as Terraform does."""

    type: str
    """Terraform type, e.g. `aws_sqs_queue`."""
    values: Object
    """Only what was read; an attribute that is missing here was not looked at."""
    live: Object
    """What only the running system knows, such as the health of targets; bounded."""


class Calls:
    """The clients of one region, and what they refused."""

    def __init__(self, account: Account, clients: Mapping[str, Any]) -> None:
        self.account = account
        self._clients = clients
        self.refused: dict[str, str] = {}
        """Operation to the error code with which it was refused for at least one resource."""
        self.blind: dict[str, str] = {}
        """Terraform type of which some may be missing, to the refused operation and its error code."""

    def get(self, service: str, operation: str, **parameters: Any) -> Object:
        """Make one call.

        Raises:
            ClientError: the service refuses.
            NO_ANSWER: there is no answer, or none that can be parsed.
        """
        answer: Object = self._method(service, operation)(**parameters)
        return answer

    def pages(self, service: str, operation: str, key: str, **parameters: Any) -> Iterator[Any]:
        """Yield the entries under `key`, members joined by dots, of all pages.

        Raises:
            ClientError: the service refuses.
            NO_ANSWER: there is no answer, or none that can be parsed.
            TooMany: there are more than can be kept.
        """
        count = 0
        for page in self.whole_pages(service, operation, **parameters):
            for entry in _follow(page, key) or ():
                count += 1
                if count > _MAX_ITEMS:
                    raise TooMany(f"more than {_MAX_ITEMS} entries from {service} {operation}")
                yield entry

    def whole_pages(self, service: str, operation: str, **parameters: Any) -> Iterator[Object]:
        """Yield all pages of an answer; the single one of an operation without pages."""
        client, method = self._clients[service], self._method(service, operation)
        if client.can_paginate(operation):
            yield from client.get_paginator(operation).paginate(**parameters)
        else:
            yield method(**parameters)

    def listed(self, service: str, operation: str, key: str, *, of: str, **parameters: Any) -> Any:
        """Return the parts of a resource that have a list call of their own; NOT_READ when it is refused.

        Args:
            service: of the call.
            operation: of the call.
            key: member of the answer that holds the entries.
            of: Terraform type of the parts.
            parameters: of the call.
        """
        try:
            return list(self.pages(service, operation, key, **parameters))
        except (ClientError, *NO_ANSWER) as error:
            return self._refused(service, operation, error, of)

    def part(self, service: str, operation: str, *absent: str, of: str = "", **parameters: Any) -> Any:
        """Make a call for a part of a resource: its answer, {} where there is no such part, NOT_READ when refused.

        Args:
            service: of the call.
            operation: of the call.
            absent: error codes that say that the resource has no such part.
            of: Terraform type, where the part is a resource of its own.
            parameters: of the call.
        """
        try:
            return self.get(service, operation, **parameters)
        except (ClientError, *NO_ANSWER) as error:
            if isinstance(error, ClientError) and code_of(error) in absent:
                return {}
            return self._refused(service, operation, error, of)

    def _refused(self, service: str, operation: str, error: Exception, of: str) -> _NotRead:
        reason = reason_of(error)
        self.refused[f"{service} {operation}"] = reason
        if of:
            self.blind[of] = f"{service} {operation}: {reason}"
        return NOT_READ

    def _method(self, service: str, operation: str) -> Callable[..., Any]:
        if not operation.startswith(_READS):
            raise ValueError(f"{operation!r} is no read call")
        method: Callable[..., Any] = getattr(self._clients[service], operation)
        return method


class TooMany(Exception):
    """A kind has more resources than are read."""


def code_of(error: ClientError) -> str:
    """Return the error code of a refusal."""
    return str(error.response.get("Error", {}).get("Code", ""))


def reason_of(error: Exception) -> str:
    """Return why a call failed, in one short line and without addresses of signed requests."""
    if isinstance(error, ClientError):
        message = str(error.response.get("Error", {}).get("Message", ""))
        # A proxy or an emulator may answer with a page instead of an error.
        return code_of(error) if message.lstrip().startswith("<") else f"{code_of(error)}: {message}"[:300].rstrip(": ")
    return type(error).__name__


def is_denied(code: str) -> bool:
    """Whether a code says that the caller may not ask.

    >>> is_denied("AccessDeniedException"), is_denied("UnauthorizedOperation"), is_denied("Throttling")
    (True, True, False)
    """
    return any(mark in code for mark in _DENIED)


Way = str | Callable[[Any], Json]
"""Where a value stands in an answer: members joined by dots, or a function of the answer."""


def shaped(body: Object, ways: Mapping[str, Way]) -> Object:
    """Return the attributes of a resource, read from an answer; what could not be read is left out.

    >>> shaped({"VpcId": "vpc-1", "Options": {"Dns": True}}, {"id": "VpcId", "dns": "Options.Dns", "tags": "Tags"})
    {'id': 'vpc-1', 'dns': True, 'tags': None}
    """
    values = {name: _follow(body, way) if isinstance(way, str) else way(body) for name, way in ways.items()}
    return {name: _plain(value) for name, value in values.items() if value is not NOT_READ}


def _follow(body: Any, way: str) -> Any:
    for step in way.split("."):
        if body is NOT_READ:
            return NOT_READ
        body = body.get(step) if isinstance(body, dict) else None
    return body


def _plain(value: Any) -> Json:
    """Turn what boto3 gives beside JSON (times, bytes) into JSON."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def tags(way: str = "Tags") -> Callable[[Any], Json]:
    """Return a reader of tags, given as a list of Key and Value (in any case) or as a map; `aws:` tags stay."""

    def read(body: Any) -> Any:
        found = _follow(body, way)
        if found is NOT_READ or isinstance(found, dict):
            return found
        pairs = [{k.lower(): v for k, v in tag.items()} for tag in found or ()]
        return {pair.get("key", pair.get("tagkey")): pair.get("value", pair.get("tagvalue")) for pair in pairs}

    return read


def text(way: str) -> Callable[[Any], Json]:
    """Return a reader of a JSON document as text, as Terraform keeps it; empty when there is none."""

    def read(body: Any) -> Any:
        found = _follow(body, way)
        if found is NOT_READ or isinstance(found, str):
            return found
        return json.dumps(found, separators=(",", ":"), sort_keys=True) if found else ""

    return read


def number(way: str) -> Callable[[Any], Json]:
    """Return a reader of a number that a service gives as text."""

    def read(body: Any) -> Any:
        found = _follow(body, way)
        return int(found) if isinstance(found, str) and found.lstrip("-").isdigit() else found

    return read


def truth(way: str) -> Callable[[Any], Json]:
    """Return a reader of a truth value that a service gives as text; missing is false."""

    def read(body: Any) -> Any:
        found = _follow(body, way)
        return found if found is NOT_READ else str(found).lower() == "true"

    return read


def block(way: str, **ways: Way) -> Callable[[Any], Json]:
    """Return a reader of an object as Terraform keeps blocks: a list of one, empty when there is none."""

    def read(body: Any) -> Any:
        found = _follow(body, way)
        if found is NOT_READ:
            return NOT_READ
        return [shaped(found, ways)] if found else []

    return read


def blocks(way: str, **ways: Way) -> Callable[[Any], Json]:
    """Return a reader of a list of objects as a list of blocks."""

    def read(body: Any) -> Any:
        found = _follow(body, way)
        return NOT_READ if found is NOT_READ else [shaped(entry, ways) for entry in found or ()]

    return read


def each(way: str, member: str) -> Callable[[Any], Json]:
    """Return a reader of one member of each entry of a list."""

    def read(body: Any) -> Any:
        found = _follow(body, way)
        return NOT_READ if found is NOT_READ else [entry.get(member) for entry in found or ()]

    return read
