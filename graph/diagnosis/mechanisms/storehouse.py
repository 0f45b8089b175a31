"""Which workloads are data stores, and which store a client means."""

from __future__ import annotations

import re
from collections import Counter

from graph.diagnosis.mechanisms.peers import shared_secrets
from graph.diagnosis.mechanisms.scene import Scene
from graph.diagnosis.mechanisms.wanted import scene_addresses, settings
from graph.document import Object
from graph.kinds.kubernetes.inventory import uid_near
from graph.kinds.kubernetes.workloads import Workload
from graph.kinds.lenient import entries, mapping, text

_PORTS = frozenset({1433, 1521, 3306, 5432, 5672, 6379, 6432, 9042, 27017})
"""Ports that data stores listen on by default."""
_IMAGE = re.compile(
    r"(^|/)(mysql|mariadb|postgres\w*|redis|valkey|mongo\w*|cassandra|percona|cockroach|rabbitmq|mssql|timescaledb)"
    r"\b[^/]*$",
    re.IGNORECASE,
)
_ALIKE = 2
"""Letters that the names of a client and of its store share at least, where nothing better tells."""


def is_store(scene: Scene, workload: Workload) -> bool:
    """Whether a workload is a data store, by the images and ports of its containers."""
    return scene.once(("is_store", workload.uid), lambda: any(_serves(c) for _, _, c in workload.containers()))


def _serves(container: Object) -> bool:
    ports = {p.get("containerPort") for _, p in entries(container, "ports")}
    return (bool(_IMAGE.search(text(container, "image").partition("@")[0])) and not _is_tool(container)) or bool(
        ports & _PORTS
    )


def _is_tool(container: Object) -> bool:
    """A container with the image of a store that only runs its client, or measures it."""
    return bool(re.search(r"client|exporter|backup|shell|tools", text(container, "image")))


def stores(scene: Scene) -> tuple[Workload, ...]:
    """All data stores, also those out of scope."""
    return scene.once(("stores", ""), lambda: tuple(w for w in scene.everything if is_store(scene, w)))


def store_of(scene: Scene, client: Workload, *, said: str = "") -> Workload | None:
    """The data store that a client means; None when it can't be told.

    In this order: the address in its settings, a secret value that both hold, its name in what the client says, the
    only one there is, and the one whose name begins most like the client's.
    """
    found = [w for w in stores(scene) if w.namespace == client.namespace and w.uid != client.uid]
    asked = Counter(w.uid for w in found for host in _hosts(scene, client) if _answers(scene, w, client, host))
    by_address = [w for w in found if w.uid in asked]
    by_secret = [w for w in found if shared_secrets(scene, client, w)]
    by_name = [w for w in found if w.document.resource.name in said]
    for many in (by_address, by_secret, by_name, found):
        if len(many) == 1:
            return many[0]
    likeness = {w.uid: _alike(w.document.resource.name, client.document.resource.name) for w in found}
    best = sorted(found, key=lambda w: -likeness[w.uid])[:2]
    is_clear = len(best) == 2 and likeness[best[0].uid] > likeness[best[1].uid]
    return best[0] if is_clear and likeness[best[0].uid] >= _ALIKE else None


def _alike(one: str, other: str) -> int:
    """How many letters two names begin with alike."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _hosts(scene: Scene, client: Workload) -> set[str]:
    named = {a.host for a in scene_addresses(scene, client)}
    return named | {s.value.partition(".")[0] for s in settings(scene, client) if re.fullmatch(r"[a-z0-9.-]+", s.value)}


def _answers(scene: Scene, store: Workload, client: Workload, host: str) -> bool:
    service = scene.live.get(uid_near(client.document, kind="Service", name=host))
    selector = mapping(service.body, "spec").get("selector") if service else None
    chosen = scene.selected(client.namespace, selector) if isinstance(selector, dict) else []
    return any(w.uid == store.uid for w in chosen)
