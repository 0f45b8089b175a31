"""What the `configuration` part of a plan says: which resource refers to which, and which attributes are declared.

References through `var` and module outputs are followed. `local` values are not part of the format, so a reference
that goes through one is not seen here; the dependencies in the state still show it.
Format: https://developer.hashicorp.com/terraform/internals/json-format#configuration-representation
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from graph.document import Json, Object
from graph.kinds.lenient import entries, mapping, strings, text
from graph.kinds.terraform.address import without_keys

MAX_STEPS = 32
"""Modules nested deeper than this, or variables that refer to each other in a circle, are given up."""


class Declared(NamedTuple):
    """One resource block."""

    references: tuple[str, ...]
    """Absolute addresses, without instance keys, of the resources that its expressions name; data resources too."""
    attributes: tuple[str, ...]
    """Names of the attributes and blocks that it sets."""


class _Module(NamedTuple):
    prefix: str
    body: Object
    parent: _Module | None
    call: Object


def declared(configuration: Json) -> dict[str, Declared]:
    """Map the address of each resource block, without instance keys, to what the block says; data resources too."""
    root = _Module("", mapping(configuration, "root_module"), None, {})
    return dict(_blocks(root))


def _blocks(module: _Module) -> Iterator[tuple[str, Declared]]:
    for _, resource in entries(module.body, "resources"):
        expressions = mapping(resource, "expressions")
        found: dict[str, None] = {}
        parts = (expressions, resource.get("count_expression"), resource.get("for_each_expression"))
        named = [*strings(resource.get("depends_on")), *(r for part in parts for r in _named(part))]
        for reference in named:
            found.update(dict.fromkeys(_resolve(module, reference, 0)))
        address = module.prefix + without_keys(text(resource, "address"))
        found.pop(address, None)
        yield address, Declared(tuple(found), tuple(expressions))
    for name, call in mapping(module.body, "module_calls").items():
        if isinstance(call, dict):
            yield from _blocks(_Module(f"{module.prefix}module.{name}.", mapping(call, "module"), module, call))


def _named(expression: Json) -> Iterator[str]:
    """Yield all `references` below an expression, nested blocks included."""
    if isinstance(expression, dict):
        for key, value in expression.items():
            if key == "references":
                yield from strings(value)
            elif key != "constant_value":
                yield from _named(value)
    elif isinstance(expression, list):
        for item in expression:
            yield from _named(item)


def _resolve(module: _Module, reference: str, step: int) -> Iterator[str]:
    """Yield the resources that a reference, as it stands in a module, ends at."""
    parts = without_keys(reference).split(".")
    if step > MAX_STEPS or len(parts) < 2 or parts[0] in ("local", "each", "count", "path", "terraform", "self"):
        return
    if parts[0] == "var":
        argument = mapping(module.call, "expressions").get(parts[1])
        if module.parent is not None and argument is not None:
            for named in _named(argument):
                yield from _resolve(module.parent, named, step + 1)
    elif parts[0] == "module":
        yield from _through_output(module, parts, step)
    elif parts[0] == "data":
        if len(parts) > 2:
            yield module.prefix + ".".join(parts[:3])
    else:
        yield module.prefix + ".".join(parts[:2])


def _through_output(module: _Module, parts: list[str], step: int) -> Iterator[str]:
    call = mapping(module.body, "module_calls", parts[1])
    child = _Module(f"{module.prefix}module.{parts[1]}.", mapping(call, "module"), module, call)
    outputs = mapping(child.body, "outputs")
    # A reference to a whole module, as `depends_on` has it, means everything the module gives out.
    names = [parts[2]] if len(parts) > 2 else list(outputs)
    for name in names:
        for named in _named(mapping(outputs, name).get("expression")):
            yield from _resolve(child, named, step + 1)
