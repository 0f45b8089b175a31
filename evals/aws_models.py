"""CloudTrail records of calls that nobody recorded, made up from the API models that botocore and boto3 carry.

boto3's resource models say of some hundred calls which parameter or which part of the answer names the resource: that
is an answer sheet that knows nothing of our rules.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from graph.document import Json, Object
from tools.adapters.cloudtrail_writes import writes

_READS: Final = ("Get", "List", "Describe", "Head", "Lookup", "Search", "Query", "Scan", "Select", "Check", "BatchGet")
_ACCOUNT: Final = "123456789012"


class ModelledCall(NamedTuple):
    """One write call as CloudTrail would show it."""

    service: str
    operation: str
    record: Object
    names: frozenset[str]
    """Values that name its resource, by boto3's resource model; empty where it does not say."""

    def is_named_by(self, found: Sequence[str]) -> bool:
        """Whether one of the texts names the resource: by the expected member, or by another name of the same thing."""
        return bool({_thing(text) for text in found} & {_thing(text) for text in self.names})


def resource_of(call: ModelledCall) -> list[str]:
    """Return what the product reads as the resources of a call."""
    return [write.resource for write in writes(call.record)]


def _thing(path: str) -> str:
    """Return what a member names, without saying how: `SubnetId` and `SubnetArn` name one subnet."""
    return re.sub(r"(?:Arn|ARN|Id|Name|Names|Ids)$", "", path.rpartition(".")[2])


@cache
def modelled_calls() -> tuple[ModelledCall, ...]:
    """Return a record for every write operation of every service, in order of service and name.

    Raises:
        ImportError: botocore is not installed (extra `aws`).
    """
    import botocore.session

    session = botocore.session.get_session()
    found: list[ModelledCall] = []
    for service in session.get_available_services():
        model = session.get_service_model(service)
        source = model.metadata.get("signingName") or model.endpoint_prefix
        truths: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for name, ways in _truths(service):
            truths[name] += ways
        for operation in model.operation_names:
            if not operation.startswith(_READS):
                shape = model.operation_model(operation)
                request = _sample(shape.input_shape, operation, "request")
                response = _sample(shape.output_shape, operation, "response")
                record = _record(source, operation, request, response)
                found.append(ModelledCall(service, operation, record, _named(truths[operation], request, response)))
    return tuple(found)


def _record(source: str, operation: str, request: Json, response: Json) -> Object:
    return {
        "eventID": f"{source}-{operation}",
        "eventTime": "2026-01-01T00:00:00Z",
        "eventSource": f"{source}.amazonaws.com",
        "eventName": operation,
        "recipientAccountId": _ACCOUNT,
        "requestParameters": request or None,
        "responseElements": response or None,
        "userIdentity": {"type": "IAMUser", "arn": f"arn:aws:iam::{_ACCOUNT}:user/a", "userName": "a"},
    }


def _sample(shape: Any, path: str, side: str, depth: int = 0) -> Json:
    """Return a plausible value of a shape: each text is its own path, so that it tells where it was found."""
    if shape is None or depth > 5:
        return None
    if shape.type_name == "structure":
        members = {
            _lower(name): _sample(member, f"{path}.{name}", side, depth + 1) for name, member in shape.members.items()
        }
        return {name: value for name, value in members.items() if value is not None}
    if shape.type_name == "list":
        inner = _sample(shape.member, path, side, depth + 1)
        return [inner] if inner is not None else []
    if shape.type_name == "string":
        choices = getattr(shape, "enum", None)
        return choices[0] if choices else f"{side}:{path}"
    return {"integer": 1, "long": 1, "boolean": True, "float": 1.0, "double": 1.0}.get(shape.type_name)


def _lower(name: str) -> str:
    """CloudTrail writes parameters with a small first letter."""
    return name[:1].lower() + name[1:]


def _truths(service: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield (operation, [(side, way)]) for the calls that boto3's resources make on a resource, or make one with."""
    import boto3

    folder = Path(boto3.__file__).parent / "data" / service
    for version in sorted(folder.glob("*/resources-1.json")):
        data = json.loads(version.read_text())
        for resource in data.get("resources", {}).values():
            for action in resource.get("actions", {}).values():
                request = action.get("request", {})
                ways = [("request", p["target"]) for p in request.get("params", ()) if p.get("source") == "identifier"]
                if ways and "resource" not in action:
                    yield request["operation"], ways
        for action in data.get("service", {}).get("actions", {}).values():
            made = action.get("resource", {})
            ways = [
                ("response" if i.get("source") == "response" else "request", i["path"])
                for i in made.get("identifiers", ())
            ]
            if ways:
                yield action["request"]["operation"], ways


def _named(ways: list[tuple[str, str]], request: Json, response: Json) -> frozenset[str]:
    found: set[str] = set()
    for side, way in ways:
        found |= set(_follow(request if side == "request" else response, way))
    return frozenset(found)


def _follow(value: Json, way: str) -> Iterator[str]:
    for step in way.replace("[]", "").replace("[0]", "").split("."):
        if isinstance(value, list):
            value = value[0] if value else None
        value = value.get(_lower(step)) if isinstance(value, dict) else None
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            yield one
