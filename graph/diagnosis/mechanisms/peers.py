"""Settings in which one workload differs from all that are otherwise set like it. Secret values are compared as hashes.

What differs need not be wrong; it is worth a look where a workload does not work and its peers do.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.mechanisms.wanted import settings
from graph.document import Object
from graph.kinds.kubernetes.inventory import uid_near
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, text

_FEWEST = 4
"""Peers that must agree before one that differs is odd."""
_AGREE = 0.75
"""Share of the peers that must agree."""
_WORDS = 2
"""Words at the end of a setting's name that say what it is: `TRAIN_MYSQL_PORT` and `USER_MYSQL_PORT` are alike."""


class OddSetting(NamedTuple):
    name: str
    uid: str
    """Object that holds it."""
    path: str
    """JSON pointer into that object."""
    peers: int
    """How many others agree on another value."""


class _Value(NamedTuple):
    name: str
    value: str
    uid: str
    path: str


def odd_settings(scene: Scene, workload: Workload) -> list[OddSetting]:
    """Return the settings of a workload in which it alone differs."""
    odd = scene.once(("odd", ""), lambda: _odd(scene))
    return odd.get(workload.uid, [])


def shared_secrets(scene: Scene, one: Workload, other: Workload) -> bool:
    """Whether two workloads hold the same secret password, under whatever name."""
    passwords = [{v.value for v in _values(scene, w) if _is_password(v)} for w in (one, other)]
    return bool(passwords[0] & passwords[1])


def _is_password(value: _Value) -> bool:
    return value.value.startswith("hmac-") and any(w in value.name.lower() for w in ("password", "passwd"))


def _odd(scene: Scene) -> dict[str, list[OddSetting]]:
    alike: dict[str, list[tuple[str, _Value]]] = defaultdict(list)
    for workload in scene.everything:
        for value in _values(scene, workload):
            alike[_kind(value.name)].append((workload.uid, value))
    found: dict[str, list[OddSetting]] = defaultdict(list)
    for many in alike.values():
        common, count = Counter(v.value for _, v in many).most_common(1)[0]
        if count >= _FEWEST and count >= _AGREE * len(many):
            for uid, value in many:
                if value.value != common:
                    found[uid].append(OddSetting(value.name, value.uid, value.path, count))
    return dict(found)


def _kind(name: str) -> str:
    return "_".join(name.upper().replace("-", "_").replace(".", "_").split("_")[-_WORDS:])


def _values(scene: Scene, workload: Workload) -> tuple[_Value, ...]:
    return scene.once(("values", workload.uid), lambda: tuple(_read(scene, workload)))


def _read(scene: Scene, workload: Workload) -> Iterator[_Value]:
    for setting in settings(scene, workload):
        yield _Value(setting.name, setting.value, workload.uid, setting.path)
    for _, _, container in workload.containers():
        for _, source in entries(container, "envFrom"):
            yield from _secret(scene, workload, text(source, "secretRef", "name"))
        for _, variable in entries(container, "env"):
            reference = mapping(variable, "valueFrom", "secretKeyRef")
            for value in _secret(scene, workload, text(reference, "name")):
                if value.name == text(reference, "key"):
                    yield value._replace(name=text(variable, "name"))


def _secret(scene: Scene, workload: Workload, name: str) -> Iterator[_Value]:
    uid = uid_near(workload.document, kind="Secret", name=name) if name else ""
    found = scene.live.get(uid) or scene.declared.get(uid)
    body: Object = found.body if found else {}
    for field in ("data", "stringData"):
        for key, value in mapping(body, field).items():
            if isinstance(value, str) and value.startswith("hmac-"):
                yield _Value(key, value, uid, f"/{field}/{key}")
