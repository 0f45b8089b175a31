"""What a workload is configured with: values of variables, arguments and files, as far as its documents state them.

Values from Secrets are hashes and never part of this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from graph.document import Json, Object, pointer
from graph.kinds.addresses import Place, Setting
from graph.kinds.kubernetes.inventory import Inventory, uid_near
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, text

_VARIABLE = re.compile(r"\$\$|\$\(([A-Za-z_.\-][A-Za-z0-9_.\-]*)\)")

MAX_FILE_CHARS = 200_000
"""A ConfigMap holds at most 1 MiB; larger texts are data rather than settings."""


def settings(workload: Workload, inventory: Inventory) -> Iterator[Setting]:
    """Yield all settings of all containers, `$(NAME)` references resolved as the kubelet does."""
    for where, index, container in workload.containers():
        at: tuple[str | int, ...] = (where, index)
        known: dict[str, str] = {}
        variables = [*_bulk(workload, inventory, container, at), *_single(workload, inventory, container, at)]
        for setting in variables:
            value = expand(setting.value, known) if not setting.source else setting.value
            known[setting.name] = value
        # A later definition of a name replaces an earlier one, so only the last one is what the container sees.
        for setting in {s.name: s for s in variables}.values():
            yield Setting(
                place=Place.VARIABLE,
                name=setting.name,
                value=known[setting.name],
                path=setting.path,
                source=setting.source,
                key=setting.key,
            )
        yield from _arguments(workload, container, at, known)
    yield from _files(workload, inventory)


def expand(value: str, known: dict[str, str]) -> str:
    """Replace `$(NAME)` by its value; unknown names stay as they are, `$$` gives `$`.

    Source: https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
    """
    return _VARIABLE.sub(lambda m: "$" if m[0] == "$$" else known.get(m[1], m[0]), value)


def _bulk(workload: Workload, inventory: Inventory, container: Object, at: tuple[str | int, ...]) -> Iterator[Setting]:
    for index, source in entries(container, "envFrom"):
        prefix, name = text(source, "prefix"), text(source, "configMapRef", "name")
        if not name:
            continue
        path = workload.path(*at, "envFrom", index)
        yield from _config_map(workload, inventory, name, path, Place.VARIABLE, prefix=prefix)


def _single(
    workload: Workload, inventory: Inventory, container: Object, at: tuple[str | int, ...]
) -> Iterator[Setting]:
    for index, variable in entries(container, "env"):
        name, value = text(variable, "name"), variable.get("value")
        reference = mapping(variable, "valueFrom", "configMapKeyRef")
        path = workload.path(*at, "env", index)
        if isinstance(value, str):
            yield Setting(place=Place.VARIABLE, name=name, value=value, path=path + "/value")
        elif reference:
            uid = uid_near(workload.document, kind="ConfigMap", name=text(reference, "name"))
            held = mapping(_body(inventory, uid), "data").get(text(reference, "key"))
            if isinstance(held, str):
                path += pointer("valueFrom", "configMapKeyRef")
                key = text(reference, "key")
                yield Setting(place=Place.VARIABLE, name=name, value=held, path=path, source=uid, key=key)


def _arguments(
    workload: Workload, container: Object, at: tuple[str | int, ...], known: dict[str, str]
) -> Iterator[Setting]:
    for field in ("command", "args"):
        values = container.get(field)
        flag = ""
        for index, value in enumerate(values if isinstance(values, list) else ()):
            if isinstance(value, str):
                path = workload.path(*at, field, index)
                yield Setting(place=Place.ARGUMENT, name=flag, value=expand(value, known), path=path)
                flag = value.lstrip("-") if value.startswith("-") and "=" not in value else ""


def _files(workload: Workload, inventory: Inventory) -> Iterator[Setting]:
    for index, volume in entries(workload.spec, "volumes"):
        places = [(mapping(volume, "configMap"), pointer("configMap"))]
        places += [
            (mapping(source, "configMap"), pointer("projected", "sources", i, "configMap"))
            for i, source in entries(volume, "projected", "sources")
        ]
        for reference, way in places:
            name = text(reference, "name")
            if name:
                only = {text(item, "key") for _, item in entries(reference, "items")}
                path = workload.path("volumes", index) + way
                yield from _config_map(workload, inventory, name, path, Place.FILE, only=only)


def _config_map(
    workload: Workload,
    inventory: Inventory,
    name: str,
    path: str,
    place: Place,
    *,
    prefix: str = "",
    only: set[str] | None = None,
) -> Iterator[Setting]:
    uid = uid_near(workload.document, kind="ConfigMap", name=name)
    for key, value in mapping(_body(inventory, uid), "data").items():
        if isinstance(value, str) and (not only or key in only) and len(value) <= MAX_FILE_CHARS:
            yield Setting(place=place, name=prefix + key, value=value, path=path, source=uid, key=key)


def _body(inventory: Inventory, uid: str) -> Json:
    document = inventory.get(uid)
    return document.body if document else None
