"""Read a plan, as `show -json` prints it, into the three facets.

Intended is what would exist after the apply, actual what the refresh found, applied what the state held before the
refresh. Drift is what `resource_drift` says, pending is what `resource_changes` says (rule T01); they are not mixed.
Format: https://developer.hashicorp.com/terraform/internals/json-format#plan-representation
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from graph.document import Json, Object, pointer, tokens
from graph.errors import Invalid
from graph.kinds.lenient import entries, mapping, strings, text
from graph.kinds.terraform.address import is_data, without_keys
from graph.kinds.terraform.configuration import Declared, declared
from graph.kinds.terraform.document import document
from graph.kinds.terraform.sensitive import marked_in_plan, masked
from graph.kinds.terraform.state import Shown, shown
from graph.version import Document

_NOTHING = Declared((), ())


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDrift:
    """What the refresh found changed outside of Terraform."""

    address: str
    type: str
    actions: tuple[str, ...]
    """`("update",)` or `("delete",)`"""
    changed: tuple[str, ...]
    """JSON pointers into the attributes, as raw as the plan states them; empty for a deleted resource."""
    representation_only: tuple[str, ...]
    """Those of `changed` that are nothing against empty, which providers do not tell apart (rule T08)."""
    previous_address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingChange:
    """What an apply of the plan would do to one resource."""

    address: str
    actions: tuple[str, ...]
    action_reason: str = ""
    previous_address: str = ""
    deposed: str = ""


class RelevantAttribute(NamedTuple):
    """An attribute that the planned changes depend on; drift of others had no part in the plan."""

    resource: str
    attribute: tuple[str | int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanReading:
    """All that a plan says of managed resources."""

    intended: list[Document]
    applied: list[Document]
    actual: list[Document]
    drift: tuple[ResourceDrift, ...]
    pending: tuple[PendingChange, ...]
    relevant: tuple[RelevantAttribute, ...]
    data: tuple[str, ...]
    """Addresses of data resources."""
    errored: bool = False
    """The plan is incomplete because planning failed."""


def read_plan(data: Object, *, stack: str, salt: bytes) -> PlanReading:
    """Read a plan.

    Args:
        data: the parsed JSON.
        stack: name of the state in the uids.
        salt: key of the hashes that replace sensitive values.

    Raises:
        Invalid: it is no plan.
    """
    if not is_plan(data):
        raise Invalid("no Terraform plan: format_version, or both planned_values and resource_changes, are missing")
    blocks = declared(data.get("configuration"))
    before = _by_address(shown(mapping(data, "prior_state", "values"), stack=stack, salt=salt))
    after = _by_address(shown(mapping(data, "planned_values"), stack=stack, salt=salt))
    relevant = tuple(_relevant(data))
    unknown = dict(_unknown(data))
    for _, change in _changes(data, "resource_changes"):
        address = text(change, "address")
        if address not in before and mapping(change, "change").get("before") and not change.get("deposed"):
            before[address] = _side(change, "before", stack, salt)
        if address not in after and mapping(change, "change").get("after") and not change.get("deposed"):
            after[address] = _side(change, "after", stack, salt)
    planned = {
        text(c, "address"): strings(mapping(c, "change").get("actions")) for _, c in _changes(data, "resource_changes")
    }
    for address, known in before.items():
        # A plan for some targets is silent about the rest; silence is no wish to destroy.
        if address not in after and "delete" not in planned.get(address, ()):
            after[address] = known
    applied, actual = dict(before), dict(before)
    for _, change in _changes(data, "resource_drift"):
        address = text(change, "address")
        for facet, side in ((applied, "before"), (actual, "after")):
            if isinstance(mapping(change, "change").get(side), dict):
                facet[address] = _with_values(facet.get(address), _side(change, side, stack, salt))
            else:
                facet.pop(address, None)
    moved = {text(c, "address"): text(c, "previous_address") for _, c in _changes(data, "resource_changes")}
    return PlanReading(
        intended=[_enriched(d, blocks, unknown, moved, relevant, planned) for d in after.values()],
        applied=[_enriched(d, blocks, {}, {}, (), planned) for d in applied.values()],
        actual=[_enriched(d, blocks, {}, {}, (), {}) for d in actual.values()],
        drift=tuple(_drift(c, salt) for _, c in _changes(data, "resource_drift")),
        pending=tuple(_pending(data)),
        relevant=relevant,
        data=tuple(dict.fromkeys(_data_addresses(data))),
        errored=data.get("errored") is True,
    )


def is_plan(data: Json) -> bool:
    """Whether parsed JSON looks like a plan rather than a state or something else."""
    return (
        isinstance(data, dict)
        and "format_version" in data
        and any(key in data for key in ("planned_values", "resource_changes", "prior_state", "configuration"))
    )


def changed_pointers(before: Json, after: Json, at: tuple[str | int, ...] = ()) -> Iterator[str]:
    """Yield pointers to the smallest places at which two values differ; lists of other lengths differ as a whole."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from changed_pointers(before.get(key), after.get(key), (*at, key))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from changed_pointers(one, other, (*at, index))
    elif before != after or type(before) is not type(after):
        yield pointer(*at)


def is_nothing(value: Json) -> bool:
    """Whether a provider may write a value for an attribute that is not set: null, false, zero or empty."""
    return value is None or value is False or (value in ("", 0, [], {}) and value is not True)


def _changes(data: Object, field: str) -> Iterator[tuple[int, Object]]:
    for index, change in entries(data, field):
        if change.get("mode", "managed") == "managed" and text(change, "address"):
            yield index, change


def _by_address(instances: Iterator[Shown]) -> dict[str, Document]:
    return {address: found for address, found in instances if found is not None and not found.body.get("deposed")}


def _side(change: Object, side: str, stack: str, salt: bytes) -> Document:
    return document(
        stack=stack,
        type=text(change, "type"),
        name=text(change, "name"),
        address=text(change, "address"),
        provider=text(change, "provider_name"),
        values=mapping(change, "change", side),
        sensitive=marked_in_plan(mapping(change, "change").get(f"{side}_sensitive")),
        salt=salt,
    )


def _with_values(known: Document | None, side: Document) -> Document:
    """Take values from a change entry and everything else from the state, which knows dependencies too."""
    if known is None:
        return side
    body = {**known.body, "values": side.body["values"]}
    return Document(resource=side.resource, body=body, origin=known.origin)


def _enriched(
    found: Document,
    blocks: dict[str, Declared],
    unknown: dict[str, list[str]],
    moved: dict[str, str],
    relevant: tuple[RelevantAttribute, ...],
    planned: dict[str, list[str]],
) -> Document:
    """Add what the configuration and the changes say of a resource."""
    address = found.body["address"]
    block = blocks.get(without_keys(address), _NOTHING)
    references = [*found.body.get("references", ()), *(r for r in block.references if not is_data(r))]
    more: dict[str, Any] = {
        "references": list(dict.fromkeys(references)),
        "declared": list(block.attributes),
        "unknown": unknown.get(address),
        "previous_address": moved.get(address),
        "planned": [action for action in planned.get(address, ()) if action in ("create", "delete")],
        "relevant": [pointer("values", *r.attribute) for r in relevant if r.resource == address],
    }
    return Document(
        resource=found.resource, body={**found.body, **{k: v for k, v in more.items() if v}}, origin=found.origin
    )


def _unknown(data: Object) -> Iterator[tuple[str, list[str]]]:
    for _, change in _changes(data, "resource_changes"):
        marks = list(marked_in_plan(mapping(change, "change").get("after_unknown")))
        if marks:
            yield text(change, "address"), [pointer("values", *tokens(mark)) for mark in marks]


def _drift(change: Object, salt: bytes) -> ResourceDrift:
    sides: list[Any] = []
    for side in ("before", "after"):
        value = mapping(change, "change").get(side)
        marks = marked_in_plan(mapping(change, "change").get(f"{side}_sensitive"))
        sides.append(masked(value, marks, salt) if isinstance(value, dict) else None)
    before, after = sides
    changed = list(changed_pointers(before, after)) if before is not None and after is not None else []
    return ResourceDrift(
        address=text(change, "address"),
        type=text(change, "type"),
        actions=tuple(strings(mapping(change, "change").get("actions"))),
        changed=tuple(sorted(changed)),
        representation_only=tuple(sorted(p for p in changed if _is_nothing_twice(before, after, p))),
        previous_address=text(change, "previous_address"),
    )


def _is_nothing_twice(before: Json, after: Json, at: str) -> bool:
    one, other = _get(before, at), _get(after, at)
    return (one is None or other is None) and is_nothing(one) and is_nothing(other)


def _get(value: Json, at: str) -> Json:
    for token in tokens(at):
        value = value[int(token)] if isinstance(value, list) else value.get(token)
    return value


def _pending(data: Object) -> Iterator[PendingChange]:
    for _, change in _changes(data, "resource_changes"):
        actions = tuple(strings(mapping(change, "change").get("actions")))
        if actions and actions not in (("no-op",), ("read",)):
            yield PendingChange(
                address=text(change, "address"),
                actions=actions,
                action_reason=text(change, "action_reason"),
                previous_address=text(change, "previous_address"),
                deposed=text(change, "deposed"),
            )


def _relevant(data: Object) -> Iterator[RelevantAttribute]:
    for _, entry in entries(data, "relevant_attributes"):
        way = entry.get("attribute")
        if text(entry, "resource") and isinstance(way, list):
            keys = tuple(step for step in way if isinstance(step, str | int))
            yield RelevantAttribute(text(entry, "resource"), keys)


def _data_addresses(data: Object) -> Iterator[str]:
    for part in (mapping(data, "prior_state", "values"), mapping(data, "planned_values")):
        for address, found in shown(part, stack="", salt=b""):
            if found is None:
                yield address
    for _, change in entries(data, "resource_changes"):
        if change.get("mode") == "data" and text(change, "address"):
            yield text(change, "address")
