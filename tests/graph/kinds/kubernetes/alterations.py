"""Single meaningful alterations of an object, each with the JSON pointer of the place that it changes."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from evals.drift.server import TEMPLATES, Object


class Alteration(NamedTuple):
    """One alteration."""

    path: str
    """Where it must be found"""
    what: str
    apply: Callable[[Object], None]


def alterations(body: Object) -> list[Alteration]:
    """Return all alterations that an object offers; positions are those of the object as declared."""
    kind = body["kind"]
    found: list[Alteration] = []
    if kind in TEMPLATES:
        steps = TEMPLATES[kind]
        found += _pod(_get(body, steps)["spec"], (*steps, "spec"))
        if kind in ("Deployment", "StatefulSet"):
            found.append(_set(("spec", "replicas"), 7, "replicas"))
    if kind == "Service":
        found += _service(body["spec"])
    if kind in ("ConfigMap", "Secret"):
        for key in body.get("data") or {}:
            found.append(_set(("data", key), "YWx0ZXJlZA==", "data"))
            found.append(_delete(("data", key), "data removed"))
    for key in body["metadata"].get("labels") or {}:
        found.append(_set(("metadata", "labels", key), "altered", "label"))
    return found


def altered(body: Object, alteration: Alteration) -> Object:
    """Return an altered copy."""
    copied = copy.deepcopy(body)
    alteration.apply(copied)
    return copied


def choose(bodies: list[Object], count: int, seed: int) -> Iterator[tuple[int, Alteration]]:
    """Yield `count` alterations over the objects, the same ones for the same seed."""
    chooser = random.Random(seed)
    offers = [(i, a) for i, body in enumerate(bodies) for a in alterations(body)]
    for _ in range(count):
        yield chooser.choice(offers)


def _pod(spec: Object, at: tuple[Any, ...]) -> Iterator[Alteration]:
    if "serviceAccountName" in spec:
        yield _set((*at, "serviceAccountName"), "other", "service account", also=(*at, "serviceAccount"))
    for number, volume in enumerate(spec.get("volumes") or ()):
        yield _drop((*at, "volumes"), number, "volume removed")
        if "emptyDir" in volume:
            yield _swap((*at, "volumes", number), {"name": volume["name"], "hostPath": {"path": "/"}}, "volume source")
    for group in ("containers", "initContainers"):
        for number, container in enumerate(spec.get(group) or ()):
            yield from _container(container, (*at, group, number))


def _container(container: Object, at: tuple[Any, ...]) -> Iterator[Alteration]:
    yield _set((*at, "image"), "example.com/other:v9", "image")
    yield _set((*at, "image"), container["image"].partition(":")[0] + ":v0", "tag")
    for number, entry in enumerate(container.get("env") or ()):
        yield _drop((*at, "env"), number, "env removed")
        if "value" in entry:
            yield _set((*at, "env", number, "value"), "altered", "env value")
    if "env" in container:
        yield _append((*at, "env"), {"name": "ADDED", "value": "1"}, "env added")
    for number, port in enumerate(container.get("ports") or ()):
        yield _set((*at, "ports", number, "containerPort"), 9999, "container port")
        if port.get("protocol", "TCP") == "TCP":
            yield _set((*at, "ports", number, "protocol"), "UDP", "protocol")
    for probe in ("livenessProbe", "readinessProbe"):
        if probe in container:
            yield _delete((*at, probe), "probe removed")
            yield _set((*at, probe, "periodSeconds"), 77, "probe")
            if "httpGet" in container[probe]:
                yield _set((*at, probe, "httpGet", "path"), "/altered", "probe path")
                yield _set((*at, probe, "httpGet", "port"), 9, "probe port")
    for side in ("limits", "requests"):
        for resource in (container.get("resources") or {}).get(side) or {}:
            yield _set((*at, "resources", side, resource), "333m", side)
    if "securityContext" in container:
        yield _set((*at, "securityContext", "runAsUser"), 0, "security context")
    for number, _ in enumerate(container.get("volumeMounts") or ()):
        yield _set((*at, "volumeMounts", number, "mountPath"), "/altered", "mount path")
    if container.get("args"):
        yield _set((*at, "args", 0), "--altered", "argument")


def _service(spec: Object) -> Iterator[Alteration]:
    for key in spec.get("selector") or {}:
        yield _set(("spec", "selector", key), "altered", "selector")
    for number, port in enumerate(spec.get("ports") or ()):
        yield _set(("spec", "ports", number, "targetPort"), 9999, "target port")
        yield _set(("spec", "ports", number, "port"), 9999, "port")
        if port.get("protocol", "TCP") == "TCP":
            yield _set(("spec", "ports", number, "protocol"), "UDP", "protocol")


def _get(value: Any, steps: tuple[Any, ...]) -> Any:
    for step in steps:
        value = value[step]
    return value


def _pointer(steps: tuple[Any, ...]) -> str:
    return "".join("/" + str(s).replace("~", "~0").replace("/", "~1") for s in steps)


def _set(steps: tuple[Any, ...], value: Any, what: str, also: tuple[Any, ...] | None = None) -> Alteration:
    def apply(body: Object) -> None:
        _get(body, steps[:-1])[steps[-1]] = value
        if also and also[-1] in _get(body, also[:-1]):
            _get(body, also[:-1])[also[-1]] = value

    return Alteration(_pointer(steps), what, apply)


def _delete(steps: tuple[Any, ...], what: str) -> Alteration:
    return Alteration(_pointer(steps), what, lambda body: _get(body, steps[:-1]).pop(steps[-1]))


def _drop(steps: tuple[Any, ...], number: int, what: str) -> Alteration:
    return Alteration(_pointer((*steps, number)), what, lambda body: _get(body, steps).pop(number))


def _swap(steps: tuple[Any, ...], value: Any, what: str) -> Alteration:
    return Alteration(_pointer(steps), what, lambda body: _get(body, steps[:-1]).__setitem__(steps[-1], value))


def _append(steps: tuple[Any, ...], value: Any, what: str) -> Alteration:
    def apply(body: Object) -> None:
        _get(body, steps).append(value)

    return Alteration(_pointer(steps) + "/+", what, apply)
