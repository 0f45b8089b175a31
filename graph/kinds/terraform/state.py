"""Read Terraform and OpenTofu state into Documents.

Formats: state version 4 (Terraform 0.12 and later, all of OpenTofu), version 3 (0.8 to 0.11, best effort), and what
`show -json` prints for a state (https://developer.hashicorp.com/terraform/internals/json-format#state-representation).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from graph.document import Json, Object
from graph.errors import Invalid
from graph.kinds.lenient import entries, mapping, strings, text
from graph.kinds.terraform.address import is_data, with_key
from graph.kinds.terraform.document import document
from graph.kinds.terraform.flatmap import unflatten
from graph.kinds.terraform.sensitive import marked_in_plan, marked_in_state
from graph.version import Document


class StateReading(NamedTuple):
    """What a state holds."""

    documents: list[Document]
    """Current objects of managed resources."""
    deposed: list[Document]
    """Objects that a replacement left behind and that are still to be destroyed (rule T11)."""
    data: list[str]
    """Addresses of data resources; they are read, not managed."""


def read_state(data: Object, *, stack: str, salt: bytes) -> list[Document]:
    """Return the current managed resources of a state; see `reading` for the rest of it."""
    return reading(data, stack=stack, salt=salt).documents


def reading(data: Object, *, stack: str, salt: bytes) -> StateReading:
    """Read a whole state.

    Args:
        data: the parsed file.
        stack: name of the state in the uids.
        salt: key of the hashes that replace sensitive values.

    Raises:
        Invalid: it is no state, or of a version that is not known.
    """
    if not isinstance(data, dict):
        raise Invalid("a Terraform state is an object")
    version = data.get("version")
    if version == 4:
        return _collect(_version_4(data, stack, salt))
    if version == 3:
        return _collect(_version_3(data, stack, salt))
    if "format_version" in data and isinstance(data.get("values"), dict):
        return _collect(shown(data["values"], stack=stack, salt=salt))
    if "format_version" in data and "terraform_version" in data and len(data) == 2:
        return StateReading([], [], [])
    raise Invalid(f"no Terraform state: version {version!r}, expected 3 or 4")


class Shown(NamedTuple):
    """One instance: its address if it is a data resource, else its Document."""

    address: str
    document: Document | None


def shown(values: Json, *, stack: str, salt: bytes) -> Iterator[Shown]:
    """Yield the instances of a `values` representation, child modules included."""
    yield from _module(mapping(values, "root_module"), stack, salt)


def _module(module: Json, stack: str, salt: bytes) -> Iterator[Shown]:
    prefix = text(module, "address")
    for _, resource in entries(module, "resources"):
        address = text(resource, "address")
        if not address:
            continue
        if prefix and not address.startswith(f"{prefix}."):
            # Terraform 0.12 wrote addresses relative to their module.
            address = f"{prefix}.{address}"
        if resource.get("mode") == "data" or is_data(address):
            yield Shown(address, None)
            continue
        yield Shown(
            address,
            document(
                stack=stack,
                type=text(resource, "type"),
                name=text(resource, "name"),
                address=address,
                provider=text(resource, "provider_name"),
                values=mapping(resource, "values"),
                sensitive=marked_in_plan(resource.get("sensitive_values")),
                salt=salt,
                references=[d for d in strings(resource.get("depends_on")) if not is_data(d)],
                deposed=text(resource, "deposed_key"),
            ),
        )
    for _, child in entries(module, "child_modules"):
        yield from _module(child, stack, salt)


def _collect(instances: Iterator[Shown]) -> StateReading:
    result = StateReading([], [], [])
    for address, found in instances:
        if found is None:
            result.data.append(address)
        else:
            (result.deposed if found.body.get("deposed") else result.documents).append(found)
    return result


def _version_4(data: Object, stack: str, salt: bytes) -> Iterator[Shown]:
    for _, resource in entries(data, "resources"):
        type, name, module = text(resource, "type"), text(resource, "name"), text(resource, "module")
        if not type or not name:
            raise Invalid("a resource of the state has no type or no name")
        base = ".".join(part for part in (module, f"{type}.{name}") if part)
        if resource.get("mode") == "data":
            yield Shown(".".join(part for part in (module, f"data.{type}.{name}") if part), None)
            continue
        for _, instance in entries(resource, "instances"):
            deposed = text(instance, "deposed")
            address = with_key(base, instance.get("index_key"))
            flat = mapping(instance, "attributes_flat")
            values = mapping(instance, "attributes") or unflatten(flat)
            yield Shown(
                address,
                document(
                    stack=stack,
                    type=type,
                    name=name,
                    address=f"{address} (deposed {deposed})" if deposed else address,
                    provider=_provider(text(resource, "provider")),
                    values=values,
                    sensitive=marked_in_state(instance.get("sensitive_attributes")),
                    salt=salt,
                    references=[d for d in _dependencies(instance, module) if not is_data(d)],
                    deposed=deposed,
                    status=text(instance, "status"),
                ),
            )


def _dependencies(instance: Object, module: str) -> list[str]:
    """Return absolute addresses; early 0.12 states have another name for them and may leave the module out."""
    prefix = f"{module}." if module else ""
    early = [d if d.startswith(prefix) else prefix + d for d in strings(instance.get("depends_on"))]
    return [*strings(instance.get("dependencies")), *early]


def _provider(text: str) -> str:
    """Return the source address inside `module.x.provider["registry/namespace/type"].alias`, or the text itself."""
    inner = text.partition('["')[2].partition('"]')[0]
    return inner or text


def _version_3(data: Object, stack: str, salt: bytes) -> Iterator[Shown]:
    for _, module in entries(data, "modules"):
        path = strings(module.get("path"))[1:]
        prefix = "".join(f"module.{name}." for name in path)
        for key, resource in mapping(module, "resources").items():
            parts = key.split(".")
            if parts[0] == "data":
                yield Shown(prefix + key, None)
                continue
            index = int(parts[2]) if len(parts) > 2 and parts[2].isdigit() else None
            address = with_key(prefix + ".".join(parts[:2]), index)
            primary = mapping(resource, "primary")
            for deposed, instance in [("", primary), *enumerate(_deposed(resource))]:
                if not instance:
                    continue
                yield Shown(
                    address,
                    document(
                        stack=stack,
                        type=text(resource, "type") or parts[0],
                        name=parts[1] if len(parts) > 1 else "",
                        address=address if deposed == "" else f"{address} (deposed {deposed})",
                        provider=text(resource, "provider").removeprefix("provider."),
                        values={"id": text(instance, "id"), **unflatten(mapping(instance, "attributes"))},
                        salt=salt,
                        references=[prefix + d for d in strings(resource.get("depends_on")) if not is_data(d)],
                        deposed="" if deposed == "" else f"#{deposed}",
                    ),
                )


def _deposed(resource: Object) -> list[Object]:
    return [instance for _, instance in entries(resource, "deposed")]
